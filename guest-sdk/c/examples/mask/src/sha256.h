// SHA-256 and HMAC, after FIPS 180-4 and RFC 2104.
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SHA256_BLOCK = 64, SHA256_SIZE = 32 };

typedef struct {
    uint32_t state[8];
    uint8_t block[SHA256_BLOCK];
    size_t n_bytes;
} sha256;

// A hash with its key absorbed: of the inner and of the outer pass.
typedef struct {
    sha256 inner, outer;
} hmac;

static inline uint32_t sha256_turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

static inline void sha256_compress(uint32_t state[8], const uint8_t *block) {
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (sha256_turn(x, 7) ^ sha256_turn(x, 18) ^ x >> 3) + w[i - 7] +
               (sha256_turn(y, 17) ^ sha256_turn(y, 19) ^ y >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    // The words change their names rather than their places.
#define SHA256_ROUND(a, b, c, d, e, f, g, h, i)                                                                        \
    h += (sha256_turn(e, 6) ^ sha256_turn(e, 11) ^ sha256_turn(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];           \
    d += h;                                                                                                            \
    h += (sha256_turn(a, 2) ^ sha256_turn(a, 13) ^ sha256_turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    for (int i = 0; i < 64; i += 8) {
        SHA256_ROUND(a, b, c, d, e, f, g, h, i);
        SHA256_ROUND(h, a, b, c, d, e, f, g, i + 1);
        SHA256_ROUND(g, h, a, b, c, d, e, f, i + 2);
        SHA256_ROUND(f, g, h, a, b, c, d, e, i + 3);
        SHA256_ROUND(e, f, g, h, a, b, c, d, i + 4);
        SHA256_ROUND(d, e, f, g, h, a, b, c, i + 5);
        SHA256_ROUND(c, d, e, f, g, h, a, b, i + 6);
        SHA256_ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
#undef SHA256_ROUND
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static inline void sha256_init(sha256 *hash) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->n_bytes = 0;
}

static inline void sha256_add(sha256 *hash, const void *data, size_t size) {
    const uint8_t *bytes = (const uint8_t *)data;
    while (size) {
        size_t at = hash->n_bytes % SHA256_BLOCK, room = SHA256_BLOCK - at, part = size < room ? size : room;
        memcpy(hash->block + at, bytes, part);
        hash->n_bytes += part;
        bytes += part;
        size -= part;
        if (part == room) sha256_compress(hash->state, hash->block);
    }
}

static inline void sha256_end(sha256 *hash, uint8_t digest[SHA256_SIZE]) {
    uint64_t n_bits = 8 * (uint64_t)hash->n_bytes;
    uint8_t padding[SHA256_BLOCK + 8] = {0x80};
    size_t size = SHA256_BLOCK - (hash->n_bytes + 8) % SHA256_BLOCK;
    for (int byte = 0; byte < 8; byte++) padding[size + (size_t)byte] = (uint8_t)(n_bits >> (56 - 8 * byte));
    sha256_add(hash, padding, size + 8);
    for (int byte = 0; byte < SHA256_SIZE; byte++)
        digest[byte] = (uint8_t)(hash->state[byte / 4] >> (24 - 8 * (byte % 4)));
}

static inline void hmac_init(hmac *mac, const void *key, size_t size) {
    uint8_t block[SHA256_BLOCK] = {0}, pad[SHA256_BLOCK];
    if (size > SHA256_BLOCK) {
        sha256_init(&mac->inner);
        sha256_add(&mac->inner, key, size);
        sha256_end(&mac->inner, block);
    } else if (size) memcpy(block, key, size);
    sha256_init(&mac->inner);
    sha256_init(&mac->outer);
    for (int byte = 0; byte < SHA256_BLOCK; byte++) pad[byte] = block[byte] ^ 0x36;
    sha256_add(&mac->inner, pad, SHA256_BLOCK);
    for (int byte = 0; byte < SHA256_BLOCK; byte++) pad[byte] = block[byte] ^ 0x5c;
    sha256_add(&mac->outer, pad, SHA256_BLOCK);
}

// The tag of a message in hexadecimal.
static inline void hmac_hex(const hmac *mac, const void *data, size_t size, char hex[2 * SHA256_SIZE]) {
    sha256 inner = mac->inner, outer = mac->outer;
    uint8_t digest[SHA256_SIZE];
    sha256_add(&inner, data, size);
    sha256_end(&inner, digest);
    sha256_add(&outer, digest, SHA256_SIZE);
    sha256_end(&outer, digest);
    for (int byte = 0; byte < SHA256_SIZE; byte++) {
        hex[2 * byte] = "0123456789abcdef"[digest[byte] >> 4];
        hex[2 * byte + 1] = "0123456789abcdef"[digest[byte] & 15];
    }
}

#endif
