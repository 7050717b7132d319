/*
 * What a transform reaches beyond its columns, as a test has it: included by harness.h.
 *
 *     sg_test_object("lookup", "rates.csv", "EUR,1.5\n");
 *     sg_test_secret("token", "hunter2");
 *     sg_test_server = answer;
 *
 * before the transform is bound. All of it stays until the program ends; `sg_test_written` tells what was written.
 */
#ifndef SLUICEGATE_HARNESS_ACCESS_H
#define SLUICEGATE_HARNESS_ACCESS_H

#ifdef __cplusplus
extern "C" {
#endif

/* An object, one that is being written, or a secret. */
typedef struct sg_test_thing {
    struct sg_test_thing *next;
    const char *folder, *path; /* a secret has no folder */
    sg_text content;
    bool is_begun, is_finished, is_deleted;
    uint32_t handle;
} sg_test_thing;

static sg_test_thing *sg_test_things;
static uint32_t sg_test_n_things;

static inline sg_test_thing *sg_test_thing_add(const char *folder, sg_text path, sg_text content) {
    sg_test_thing **end = &sg_test_things, *thing = (sg_test_thing *)calloc(1, sizeof *thing);
    char *name = (char *)calloc(1, path.size + 1), *data = (char *)calloc(1, content.size + 1);
    if (content.size) memcpy(data, content.data, content.size);
    memcpy(name, path.data, path.size);
    thing->folder = folder;
    thing->path = name;
    thing->content.data = data;
    thing->content.size = content.size;
    thing->handle = ++sg_test_n_things;
    /* In the order of their paths, as a listing has them. */
    while (*end && strcmp((*end)->path, thing->path) <= 0) end = &(*end)->next;
    thing->next = *end;
    return *end = thing;
}

static inline sg_test_thing *sg_test_thing_of(const char *folder, sg_text path, bool is_begun) {
    for (sg_test_thing *thing = sg_test_things; thing; thing = thing->next) {
        bool is_there = folder ? thing->folder && strcmp(thing->folder, folder) == 0 : !thing->folder;
        if (is_there && thing->is_begun == is_begun && sg_text_is(path, thing->path)) return thing;
    }
    return NULL;
}

#ifdef SLUICEGATE_OBJECTS_H
/* Objects of a page, fewer than of the host's, so that a test of a few objects sees more than one. */
#define SG_TEST_PAGE 3

/** Adds an object; its folder is there from then on. */
static inline void sg_test_object(const char *folder, const char *path, const char *content) {
    sg_test_thing_add(folder, sg_text_of(path), sg_text_of(content));
}

/** An object that was written and finished; NULL where there is none. */
static inline const char *sg_test_written(const char *folder, const char *path) {
    sg_test_thing *thing = sg_test_thing_of(folder, sg_text_of(path), true);
    return thing && thing->is_finished ? thing->content.data : NULL;
}

/** Whether an object was deleted. */
static inline bool sg_test_deleted(const char *folder, const char *path) {
    sg_test_thing *thing = sg_test_thing_of(folder, sg_text_of(path), false);
    return thing && thing->is_deleted;
}

/* A folder's handle is that of the first thing in it. */
static inline const char *sg_test_folder(uint32_t handle) {
    sg_test_thing *thing = sg_test_things;
    while (thing->handle != handle) thing = thing->next;
    return thing->folder;
}

static inline sg_test_thing *sg_test_writer(uint32_t handle) {
    sg_test_thing *thing = sg_test_things;
    while (thing->handle != handle) thing = thing->next;
    return thing;
}

static inline sg_wire_object_error sg_test_error(sg_failure_kind kind, const char *why) {
    sg_wire_object_error error = {(uint8_t)(kind - SG_DENIED), sg_text_of(why)};
    return error;
}

/* What is wrong with a path, or with what it names; false if nothing is. */
static inline bool sg_test_refused(sg_text path, const sg_test_thing *thing, sg_wire_object_error *error) {
    sg_text copy = sg_text_copy(path);
    bool is_wrong = path.size > 1024 || strlen(copy.data) != path.size;
    for (const char *part = copy.data; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t size = strcspn(part, "/");
        is_wrong |= size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.');
    }
    if (is_wrong) *error = sg_test_error(SG_MALFORMED, "the path names nothing");
    else if (!thing) *error = sg_test_error(SG_MISSING, "");
    return is_wrong || !thing;
}

static inline sg_wire_object sg_test_wire(const sg_test_thing *thing) {
    sg_wire_object object = {sg_text_of(thing->path), thing->content.size, 0, {NULL, 0}};
    return object;
}

void sg_import_open(const char *name, size_t size, sg_wire_handle *opened) {
    sg_text text = {name, size};
    memset(opened, 0, sizeof *opened);
    for (sg_test_thing *thing = sg_test_things; thing; thing = thing->next)
        if (thing->folder && sg_text_is(text, thing->folder)) {
            opened->as.handle = thing->handle;
            return;
        }
    opened->failed = 1;
    opened->as.error = sg_test_error(SG_DENIED, "the step does not declare it");
}

void sg_import_folder_drop(uint32_t folder) { (void)folder; }

void sg_import_list(uint32_t folder, const char *prefix, size_t size, uint32_t has_after, const char *after,
                    size_t after_size, sg_wire_listed *listed) {
    sg_text name = {prefix, size};
    const char *last = has_after ? sg_format("%.*s", (int)after_size, after).data : "";
    memset(listed, 0, sizeof *listed);
    listed->failed = size && sg_test_refused(name, sg_test_things, &listed->as.error);
    if (listed->failed) return;
    sg_wire_page *page = &listed->as.page;
    page->objects = SG_NEW(sg_wire_object, SG_TEST_PAGE);
    for (sg_test_thing *thing = sg_test_things; thing; thing = thing->next) {
        bool is_there = thing->folder && strcmp(thing->folder, sg_test_folder(folder)) == 0 && !thing->is_begun;
        bool is_below = !size || (strncmp(thing->path, prefix, size) == 0 && thing->path[size] == '/');
        if (!is_there || !is_below || strcmp(thing->path, last) <= 0) continue;
        if ((page->has_next = page->n_objects == SG_TEST_PAGE)) break;
        page->objects[page->n_objects++] = sg_test_wire(thing);
    }
    if (page->has_next) page->next = page->objects[page->n_objects - 1].path;
}

void sg_import_head(uint32_t folder, const char *path, size_t size, sg_wire_head *head) {
    sg_text name = {path, size};
    sg_test_thing *thing = sg_test_thing_of(sg_test_folder(folder), name, false);
    memset(head, 0, sizeof *head);
    head->failed = sg_test_refused(name, thing, &head->as.error);
    if (!head->failed) head->as.object = sg_test_wire(thing);
}

void sg_import_object(uint32_t folder, const char *path, size_t size, uint64_t offset, uint32_t length,
                      sg_wire_piece *piece) {
    sg_text name = {path, size};
    sg_test_thing *thing = sg_test_thing_of(sg_test_folder(folder), name, false);
    memset(piece, 0, sizeof *piece);
    piece->failed = sg_test_refused(name, thing, &piece->as.error);
    if (piece->failed) return;
    size_t rest = offset < thing->content.size ? thing->content.size - (size_t)offset : 0;
    piece->as.bytes.size = rest < length ? rest : length;
    piece->as.bytes.data = (uint8_t *)sg_alloc(piece->as.bytes.size + 1);
    if (rest) memcpy(piece->as.bytes.data, thing->content.data + offset, piece->as.bytes.size);
}

void sg_import_create(uint32_t folder, const char *path, size_t size, uint32_t overwrite, sg_wire_handle *created) {
    sg_text name = {path, size}, nothing = {"", 0};
    const char *within = sg_test_folder(folder);
    memset(created, 0, sizeof *created);
    created->failed = sg_test_refused(name, sg_test_things, &created->as.error);
    if (created->failed) return;
    created->failed = sg_test_thing_of(within, name, true) || (!overwrite && sg_test_thing_of(within, name, false));
    if (created->failed) {
        created->as.error = sg_test_error(SG_EXISTS, "");
        return;
    }
    sg_test_thing *thing = sg_test_thing_add(within, name, nothing);
    thing->is_begun = true;
    created->as.handle = thing->handle;
}

void sg_import_delete(uint32_t folder, const char *path, size_t size, sg_wire_wrote *done) {
    sg_text name = {path, size};
    sg_test_thing *thing = sg_test_thing_of(sg_test_folder(folder), name, false);
    memset(done, 0, sizeof *done);
    done->failed = sg_test_refused(name, thing, &done->error);
    if (thing) thing->is_deleted = true;
}

void sg_import_write(uint32_t writer, const uint8_t *bytes, size_t size, sg_wire_wrote *done) {
    sg_test_thing *thing = sg_test_writer(writer);
    char *grown = (char *)realloc((char *)(uintptr_t)thing->content.data, thing->content.size + size + 1);
    memcpy(grown + thing->content.size, bytes, size);
    thing->content.data = grown;
    thing->content.size += size;
    grown[thing->content.size] = 0;
    memset(done, 0, sizeof *done);
}

void sg_import_finish(uint32_t writer, sg_wire_head *object) {
    sg_test_thing *thing = sg_test_writer(writer);
    thing->is_finished = true;
    memset(object, 0, sizeof *object);
    object->as.object = sg_test_wire(thing);
}

void sg_import_writer_drop(uint32_t writer) { (void)writer; }
#endif

#ifdef SLUICEGATE_SECRETS_H
/** Adds a secret. */
static inline void sg_test_secret(const char *name, const char *secret) {
    sg_test_thing_add(NULL, sg_text_of(name), sg_text_of(secret));
}

void sg_import_secret(const char *name, size_t size, sg_wire_secret *secret) {
    sg_text wanted = {name, size};
    sg_test_thing *thing = sg_test_thing_of(NULL, wanted, false);
    memset(secret, 0, sizeof *secret);
    secret->failed = !thing;
    if (thing) secret->as.secret = thing->content;
    else secret->as.error.why = sg_text_of("the step does not declare it");
}
#endif

#ifdef SLUICEGATE_HTTP_H
/** Answers requests; without it, all are denied. */
static sg_failure (*sg_test_server)(const sg_request *request, sg_response *response);

/** A response, for a server. */
static inline sg_failure sg_test_respond(sg_response *response, uint32_t status, const char *body) {
    response->status = status;
    response->body = (const uint8_t *)body;
    response->body_size = strlen(body);
    return sg_no_failure();
}

sg_failure sg_import_http(const sg_request *request, sg_response *response) {
    if (!sg_test_server) return sg_http_error(request, SG_DENIED, "the step does not declare it");
    return sg_test_server(request, response);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
