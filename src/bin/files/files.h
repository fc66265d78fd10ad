// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_BIN_FILES_FILES_H
#define BULKHEAD_BIN_FILES_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"

/* Descriptors the program is started with; see bulkhead-files(8). */
#define FILES_INPUT_FD  0 /* unpack: the archive */
#define FILES_RESULT_FD 3 /* pipe: one JSON object */
#define FILES_DIR_FD    4 /* the directory worked in; nothing outside can be reached */

/* Limits of one archive. */
#define UNPACK_ENTRIES_MAX (4u << 20)
#define UNPACK_BYTES_MAX   (256ull << 30) /* of all regular files */
#define UNPACK_PATH_MAX    4095
#define UNPACK_ID_MAX      65535 /* storage is owned by ids 0 to 65,535 */
#define UNPACK_XATTRS_MAX  64    /* of one entry */
#define UNPACK_XATTR_MAX   65536 /* bytes of one value */

/* Shut the process in: the directory becomes the root of a mount namespace of its own, without
 * network; capabilities and system calls shrink to what file work needs. */
int jail_enter(struct bh_error *err);

/* The decompressed bytes of an archive: read through libarchive's filters and digested on the way.
 */
struct stream;
int stream_open(int fd, struct stream **ret, struct bh_error *err);
/* Next piece; 0 at the end, negative errno. *ret points into the stream until the next call. */
ssize_t stream_read(struct stream *s, const void **ret, struct bh_error *err);
/* Read the rest (padding behind the last entry), then write "sha256:HEX". */
int stream_finish(struct stream *s, char ret[static 72], struct bh_error *err);
void stream_free(struct stream *s);

struct unpack_result {
	char diff_id[72];
	uint64_t size;    /* bytes of regular files */
	uint64_t entries; /* archive members */
	uint64_t devices; /* nodes below /dev that were left out */
};
/* Unpack the archive into the directory. */
int unpack(int root, struct stream *s, struct unpack_result *ret, struct bh_error *err);
/* Extended attributes of one entry, by libarchive's entry. */
struct archive_entry;
int unpack_xattrs(int parent, const char *name, struct archive_entry *entry, const char *path,
	struct bh_error *err);

#endif
