/*
 * Memory that is freed all at once.
 *
 * `sg_alloc` takes from the arena of the call that runs: what `bind` allocates lives as long as the transform, what
 * `process` and `finish` allocate is freed before the next call. Nothing has to be freed by hand, and no pointer of one
 * batch may be kept for the next: keep state in memory of `bind`, of `sg_keep`, or of malloc.
 */
#ifndef SLUICEGATE_MEMORY_H
#define SLUICEGATE_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "wire.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every allocation starts at a multiple of this: the widest value of Arrow and of SIMD. */
#define SG_ALIGNMENT 16
/* Smallest block that is asked of malloc; most batches fit into a few. */
#define SG_BLOCK_MIN (256 * 1024)
/* With more blocks than this an arena starts anew, so that batches of changing size do not scatter memory. */
#define SG_BLOCKS_MAX 16

typedef struct sg_block {
    struct sg_block *next;
    size_t size;
    size_t used;
    size_t last; /* where the latest allocation starts, which can grow in place */
} sg_block;

/** Memory that is freed all at once; `{0}` is an empty one. */
typedef struct sg_arena {
    sg_block *first;
    size_t n_blocks;
} sg_arena;

/* What the functions without an argument for it refer to: the call that runs. */
typedef struct sg_global {
    sg_arena boot;   /* before the first bind: what the host hands to it */
    sg_arena *arena; /* of the call that runs */
    sg_arena *kept;  /* of the transform that runs */
    sg_wire_fault fault;
} sg_global;

SG_ONCE sg_global sg_now;

/* Defined in fault.h. */
static inline void sg_out_of_memory(size_t size) __attribute__((noreturn));

static inline uint8_t *sg_block_bytes(sg_block *block) {
    return (uint8_t *)block + (sizeof(sg_block) + SG_ALIGNMENT - 1) / SG_ALIGNMENT * SG_ALIGNMENT;
}

static inline size_t sg_rounded(size_t size) {
    if (size > SIZE_MAX - SG_BLOCK_MIN) sg_out_of_memory(size);
    return (size + SG_ALIGNMENT - 1) & ~(size_t)(SG_ALIGNMENT - 1);
}

static inline sg_block *sg_arena_grow(sg_arena *arena, size_t size) {
    size_t room = size < SG_BLOCK_MIN ? SG_BLOCK_MIN : size;
    sg_block *block = (sg_block *)malloc(sizeof(sg_block) + SG_ALIGNMENT + room);
    if (!block) sg_out_of_memory(size);
    block->next = arena->first;
    block->size = room;
    block->used = block->last = 0;
    arena->first = block;
    arena->n_blocks++;
    return block;
}

/** Takes `size` bytes from an arena, aligned for every type, not zeroed. */
static inline void *sg_arena_alloc(sg_arena *arena, size_t size) {
    size_t rounded = sg_rounded(size);
    sg_block *block = arena->first;
    while (block && block->size - block->used < rounded) block = block->next;
    if (!block) block = sg_arena_grow(arena, rounded);
    block->last = block->used;
    block->used += rounded;
    return sg_block_bytes(block) + block->last;
}

/** Frees everything of an arena. */
static inline void sg_arena_free(sg_arena *arena) {
    for (sg_block *block = arena->first; block;) {
        sg_block *next = block->next;
        free(block);
        block = next;
    }
    arena->first = NULL;
    arena->n_blocks = 0;
}

/* Forgets everything of an arena, and keeps its memory for what comes next. */
static inline void sg_arena_reset(sg_arena *arena) {
    if (arena->n_blocks > SG_BLOCKS_MAX) sg_arena_free(arena);
    for (sg_block *block = arena->first; block; block = block->next) block->used = block->last = 0;
}

/* The arena of the call that runs. */
static inline sg_arena *sg_arena_now(void) { return sg_now.arena ? sg_now.arena : &sg_now.boot; }

/** Allocates for the call that runs, not zeroed; it never returns NULL. */
static inline void *sg_alloc(size_t size) { return sg_arena_alloc(sg_arena_now(), size); }

/** Allocates zeroed memory for the call that runs. */
static inline void *sg_zeroed(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) sg_out_of_memory(SIZE_MAX);
    return memset(sg_alloc(count * size), 0, count * size);
}

/** Allocates zeroed memory that lives as long as the transform. */
static inline void *sg_keep(size_t size) {
    sg_arena *arena = sg_now.kept ? sg_now.kept : sg_arena_now();
    return memset(sg_arena_alloc(arena, size), 0, size);
}

/** `n` zeroed values of a type, for the call that runs. */
#define SG_NEW(type, n) ((type *)sg_zeroed((n), sizeof(type)))

/* Grows an allocation of the call that runs: in place where it is the latest of its block. */
static inline void *sg_realloc(void *old, size_t old_size, size_t size) {
    if (!old) return sg_alloc(size);
    sg_arena *arena = sg_arena_now();
    for (sg_block *block = arena->first; block; block = block->next) {
        if (block->used == 0 || sg_block_bytes(block) + block->last != (uint8_t *)old) continue;
        size_t rounded = sg_rounded(size);
        if (rounded > block->size - block->last) break;
        block->used = block->last + rounded;
        return old;
    }
    void *grown = sg_alloc(size);
    memcpy(grown, old, old_size < size ? old_size : size);
    return grown;
}

/** Bytes that grow, in the arena of the call that runs. */
typedef struct sg_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
} sg_bytes;

/** Makes room for `more` bytes behind those that are there. */
static inline void sg_bytes_reserve(sg_bytes *bytes, size_t more) {
    if (bytes->capacity - bytes->size >= more) return;
    if (more > SIZE_MAX / 2 - bytes->size) sg_out_of_memory(more);
    size_t wanted = bytes->size + more;
    size_t capacity = bytes->capacity * 2 > wanted ? bytes->capacity * 2 : wanted < 64 ? 64 : wanted;
    bytes->data = (uint8_t *)sg_realloc(bytes->data, bytes->capacity, capacity);
    bytes->capacity = capacity;
}

/** Adds bytes at the end. */
static inline void sg_bytes_add(sg_bytes *bytes, const void *data, size_t size) {
    sg_bytes_reserve(bytes, size);
    if (size) memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

#ifdef __wasm__
/* What the host lowers lies in the arena of the call, so it is freed with it, and is aligned for every type. */
SG_ONCE __attribute__((export_name("cabi_realloc"))) void *
sg_cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)alignment;
    return sg_realloc(old, old_size, size);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
