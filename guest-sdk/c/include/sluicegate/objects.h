/*
 * Objects in folders that the step declares, by the names that it gives them. plugin.toml needs `access = ["objects"]`.
 *
 *     sg_folder lookup;
 *     sg_bytes rates = {};
 *     sg_failure error = sg_folder_open("lookup", &lookup);
 *     if (!error.kind) error = sg_object_read_all(&lookup, "rates.csv", 1 << 20, &rates);
 *     if (error.kind) return sg_failed(error);
 *
 * Texts and bytes that come out lie in memory of the call that runs, as all that `sg_alloc` gives.
 */
#ifndef SLUICEGATE_OBJECTS_H
#define SLUICEGATE_OBJECTS_H

#include "access.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that cross the boundary at once: the contract's limit. */
#define SG_PIECE_BYTES_MAX (8u << 20)

/** A folder with all that is in it, however deep. */
typedef struct sg_folder {
    uint32_t handle;
    sg_text name;
} sg_folder;

/** What is known of an object. */
typedef struct sg_object {
    /** Relative to the folder, names joined by `/`. */
    sg_text path;
    uint64_t size;
    /** Changes when the content does; its `data` is NULL where the store does not tell. */
    sg_text etag;
} sg_object;

/** A listing, which `sg_object_next` goes through. */
typedef struct sg_listing {
    const sg_folder *folder;
    sg_text prefix;
    const struct sg_wire_object *objects;
    size_t n_objects;
    size_t next;
    bool has_more;
    sg_text after;
    /** Why it ended early. */
    sg_failure error;
} sg_listing;

/** An object that is being written. */
typedef struct sg_writer {
    uint32_t handle;
    sg_text what;
} sg_writer;

/* What crosses the boundary. */
typedef struct sg_wire_object_error {
    uint8_t kind;
    sg_text why;
} sg_wire_object_error;

typedef struct sg_wire_object {
    sg_text path;
    uint64_t size;
    uint8_t has_etag;
    sg_text etag;
} sg_wire_object;

typedef struct sg_wire_page {
    sg_wire_object *objects;
    size_t n_objects;
    uint8_t has_next;
    sg_text next;
} sg_wire_page;

typedef struct sg_wire_handle {
    uint8_t failed;
    union {
        uint32_t handle;
        sg_wire_object_error error;
    } as;
} sg_wire_handle;

typedef struct sg_wire_listed {
    uint8_t failed;
    union {
        sg_wire_page page;
        sg_wire_object_error error;
    } as;
} sg_wire_listed;

typedef struct sg_wire_head {
    uint8_t failed;
    union {
        sg_wire_object object;
        sg_wire_object_error error;
    } as;
} sg_wire_head;

typedef struct sg_wire_piece {
    uint8_t failed;
    union {
        sg_buffer bytes;
        sg_wire_object_error error;
    } as;
} sg_wire_piece;

typedef struct sg_wire_wrote {
    uint8_t failed;
    sg_wire_object_error error;
} sg_wire_wrote;

#ifdef __wasm__
static_assert(sizeof(sg_wire_object) == 32, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_handle) == 16, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_listed) == 24, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_head) == 40, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_piece) == 16, "as the canonical ABI lays it out");
static_assert(sizeof(sg_wire_wrote) == 16, "as the canonical ABI lays it out");
#endif

#define SG_OBJECTS(name) SG_IMPORT_OF("sluicegate:access/objects@0.1.0", name)
SG_OBJECTS("open") void sg_import_open(const char *name, size_t size, sg_wire_handle *opened);
SG_OBJECTS("[resource-drop]folder") void sg_import_folder_drop(uint32_t folder);
SG_OBJECTS("[method]folder.list")
void sg_import_list(uint32_t folder, const char *prefix, size_t size, uint32_t has_after, const char *after,
                    size_t after_size, sg_wire_listed *listed);
SG_OBJECTS("[method]folder.head")
void sg_import_head(uint32_t folder, const char *path, size_t size, sg_wire_head *head);
SG_OBJECTS("[method]folder.read")
void sg_import_object(uint32_t folder, const char *path, size_t size, uint64_t offset, uint32_t length,
                      sg_wire_piece *piece);
SG_OBJECTS("[method]folder.create")
void sg_import_create(uint32_t folder, const char *path, size_t size, uint32_t overwrite, sg_wire_handle *created);
SG_OBJECTS("[method]folder.delete")
void sg_import_delete(uint32_t folder, const char *path, size_t size, sg_wire_wrote *done);
SG_OBJECTS("[method]writer.write")
void sg_import_write(uint32_t writer, const uint8_t *bytes, size_t size, sg_wire_wrote *done);
SG_OBJECTS("[method]writer.finish") void sg_import_finish(uint32_t writer, sg_wire_head *object);
SG_OBJECTS("[resource-drop]writer") void sg_import_writer_drop(uint32_t writer);

static inline sg_failure sg_object_error(sg_wire_object_error error, sg_text what) {
    sg_text why = error.why;
    sg_failure_kind kind = (sg_failure_kind)(SG_DENIED + error.kind);
    if (kind == SG_MISSING) why = sg_text_of("there is no such object");
    if (kind == SG_EXISTS) why = sg_text_of("there is one already");
    return sg_failure_of(kind, why, "%.*s", SG_ARG(what));
}

static inline sg_text sg_object_what(const sg_folder *folder, const char *path) {
    return sg_format("`%s` in folder `%.*s`", path, SG_ARG(folder->name));
}

static inline void sg_object_from_wire(const sg_wire_object *wire, sg_object *object) {
    sg_text none = {NULL, 0};
    object->path = wire->path;
    object->size = wire->size;
    object->etag = wire->has_etag ? wire->etag : none;
}

/** Opens a folder by the name that the step gives it. Nothing is asked of a store yet. */
static inline sg_failure sg_folder_open(const char *name, sg_folder *folder) {
    sg_wire_handle opened;
    folder->name = sg_text_copy(sg_text_of(name));
    sg_import_open(name, strlen(name), &opened);
    if (opened.failed) return sg_object_error(opened.as.error, sg_format("folder `%s`", name));
    folder->handle = opened.as.handle;
    return sg_no_failure();
}

/** Forgets a folder. One that is kept open ends with the transform. */
static inline void sg_folder_close(sg_folder *folder) { sg_import_folder_drop(folder->handle); }

/** Begins to list the objects whose paths begin with the folder `prefix`, "" for all, in the order of their paths. */
static inline sg_listing sg_object_list(const sg_folder *folder, const char *prefix) {
    sg_listing listing = {folder, sg_text_copy(sg_text_of(prefix)), NULL, 0, 0, true, {NULL, 0}, sg_no_failure()};
    return listing;
}

/** The next object of a listing; false at its end, and where `listing->error` says why. */
static inline bool sg_object_next(sg_listing *listing, sg_object *object) {
    while (listing->next == listing->n_objects) {
        sg_wire_listed listed;
        if (!listing->has_more) return false;
        sg_text prefix = listing->prefix, after = listing->after;
        sg_import_list(listing->folder->handle, prefix.data, prefix.size, after.data != NULL, after.data, after.size, &listed);
        listing->has_more = false;
        if (listed.failed) {
            listing->error = sg_object_error(listed.as.error, sg_object_what(listing->folder, prefix.data));
            return false;
        }
        listing->objects = listed.as.page.objects;
        listing->n_objects = listed.as.page.n_objects;
        listing->next = 0;
        listing->has_more = listed.as.page.has_next;
        listing->after = listed.as.page.next;
    }
    sg_object_from_wire(&listing->objects[listing->next++], object);
    return true;
}

/** What is known of one object. */
static inline sg_failure sg_object_head(const sg_folder *folder, const char *path, sg_object *object) {
    sg_wire_head head;
    sg_import_head(folder->handle, path, strlen(path), &head);
    if (head.failed) return sg_object_error(head.as.error, sg_object_what(folder, path));
    sg_object_from_wire(&head.as.object, object);
    return sg_no_failure();
}

/**
 * Reads from `offset` on into memory of the caller, at most `size` bytes and at most `SG_PIECE_BYTES_MAX`; `n_read` are fewer at
 * the end of the object, and none beyond it.
 */
static inline sg_failure sg_object_read(const sg_folder *folder, const char *path, uint64_t offset, void *to, size_t size,
                                      size_t *n_read) {
    sg_wire_piece piece;
    sg_arena arena = {}, *before = sg_now.arena;
    uint32_t length = size < SG_PIECE_BYTES_MAX ? (uint32_t)size : SG_PIECE_BYTES_MAX;
    /* What the host hands over is copied, and freed at once, so that who reads much in pieces needs little memory. */
    sg_now.arena = &arena;
    sg_import_object(folder->handle, path, strlen(path), offset, length, &piece);
    sg_now.arena = before;
    *n_read = 0;
    sg_failure error = sg_no_failure();
    if (piece.failed) error = sg_object_error(piece.as.error, sg_object_what(folder, path));
    else *n_read = piece.as.bytes.size < size ? piece.as.bytes.size : size;
    if (*n_read) memcpy(to, piece.as.bytes.data, *n_read);
    sg_arena_free(&arena);
    return error;
}

/** Adds a whole object of at most `size_max` bytes to `bytes`; a larger one is an error `SG_LIMIT`. */
static inline sg_failure sg_object_read_all(const sg_folder *folder, const char *path, size_t size_max, sg_bytes *bytes) {
    sg_object object = {};
    sg_failure error = sg_object_head(folder, path, &object);
    size_t n_read = 1;
    uint64_t offset = 0;
    if (!error.kind && object.size > size_max)
        return sg_failure_of(SG_LIMIT, sg_format("it is larger than %zu bytes", size_max), "`%s` in folder `%.*s`", path,
                           SG_ARG(folder->name));
    if (!error.kind) sg_bytes_reserve(bytes, (size_t)object.size);
    while (!error.kind && n_read && offset < object.size) {
        error = sg_object_read(folder, path, offset, bytes->data + bytes->size, (size_t)(object.size - offset), &n_read);
        bytes->size += n_read;
        offset += n_read;
    }
    return error;
}

static inline sg_failure sg_object_begin(const sg_folder *folder, const char *path, bool overwrite, sg_writer *writer) {
    sg_wire_handle created;
    writer->what = sg_object_what(folder, path);
    sg_import_create(folder->handle, path, strlen(path), overwrite, &created);
    if (created.failed) return sg_object_error(created.as.error, writer->what);
    writer->handle = created.as.handle;
    return sg_no_failure();
}

/** Begins an object that is not there yet. It appears when the run is committed, all at once with the run's output. */
static inline sg_failure sg_object_create(const sg_folder *folder, const char *path, sg_writer *writer) {
    return sg_object_begin(folder, path, false, writer);
}

/** Begins an object that takes the place of the one that may be there, when the run is committed. */
static inline sg_failure sg_object_overwrite(const sg_folder *folder, const char *path, sg_writer *writer) {
    return sg_object_begin(folder, path, true, writer);
}

/** Deletes an object, when the run is committed. */
static inline sg_failure sg_object_delete(const sg_folder *folder, const char *path) {
    sg_wire_wrote done;
    sg_import_delete(folder->handle, path, strlen(path), &done);
    return done.failed ? sg_object_error(done.error, sg_object_what(folder, path)) : sg_no_failure();
}

/** Appends. Each call goes to the host, so collect small pieces in `sg_bytes`. */
static inline sg_failure sg_writer_write(sg_writer *writer, const void *data, size_t size) {
    const uint8_t *next = (const uint8_t *)data, *end = next + size;
    while (next < end) {
        sg_wire_wrote done;
        size_t piece = (size_t)(end - next) < SG_PIECE_BYTES_MAX ? (size_t)(end - next) : SG_PIECE_BYTES_MAX;
        sg_import_write(writer->handle, next, piece, &done);
        if (done.failed) return sg_object_error(done.error, writer->what);
        next += piece;
    }
    return sg_no_failure();
}

/** Ends an object; it appears with the run's output. `object` is told about it, or NULL. The writer is gone either way. */
static inline sg_failure sg_writer_finish(sg_writer *writer, sg_object *object) {
    sg_wire_head head;
    sg_import_finish(writer->handle, &head);
    sg_import_writer_drop(writer->handle);
    if (head.failed) return sg_object_error(head.as.error, writer->what);
    if (object) sg_object_from_wire(&head.as.object, object);
    return sg_no_failure();
}

/** Gives up an object: nothing of it is left. */
static inline void sg_writer_drop(sg_writer *writer) { sg_import_writer_drop(writer->handle); }

#ifdef __cplusplus
}
#endif
#endif
