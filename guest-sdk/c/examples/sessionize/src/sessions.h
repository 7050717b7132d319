// The last session of every user, in a hash table that grows.
#ifndef SESSIONS_H
#define SESSIONS_H

#include <sluicegate.h>

typedef struct {
    sg_text user; // of malloc: it outlives the batch
    int64_t number, start, last;
} session;

typedef struct {
    session *slots;
    size_t n_slots, n_sessions;
} sessions;

static inline session *session_slot(const sessions *all, sg_text user) {
    size_t slot = sg_hash(user) & (all->n_slots - 1);
    while (all->slots[slot].user.data && !sg_text_equal(all->slots[slot].user, user))
        slot = (slot + 1) & (all->n_slots - 1);
    return &all->slots[slot];
}

static inline void sessions_grow(sessions *all) {
    sessions grown = {NULL, all->n_slots ? 2 * all->n_slots : 256, all->n_sessions};
    grown.slots = (session *)calloc(grown.n_slots, sizeof *grown.slots);
    sg_check(grown.slots != NULL);
    for (size_t slot = 0; slot < all->n_slots; slot++)
        if (all->slots[slot].user.data) *session_slot(&grown, all->slots[slot].user) = all->slots[slot];
    free(all->slots);
    *all = grown;
}

// The session of a user; a new one has the number zero.
static inline session *session_of(sessions *all, sg_text user) {
    if (2 * all->n_sessions >= all->n_slots) sessions_grow(all);
    session *found = session_slot(all, user);
    if (found->user.data) return found;
    char *name = (char *)malloc(user.size + 1);
    sg_check(name != NULL);
    memcpy(name, user.data, user.size);
    found->user = (sg_text){name, user.size};
    all->n_sessions++;
    return found;
}

#endif
