// SPDX-License-Identifier: Apache-2.0
/*
 * A layer is named by the digest of its uncompressed archive, so the archive is read twice over: a
 * first reader only undoes compression ("raw" format), its output is digested and handed to a
 * second reader that knows tar and no compression.
 */
#include <archive.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/mem.h"
#include "bin/files/files.h"

#define PIECE (256u << 10)

struct stream {
	struct archive *raw;
	EVP_MD_CTX *digest;
	bool ended;
	char piece[PIECE];
};

static int stream_fail(struct stream *s, struct bh_error *err)
{
	const char *text = archive_error_string(s->raw);

	return bh_fail(
		err, -EBADMSG, "read the archive: %s", text != NULL ? text : "unknown error");
}

int stream_open(int fd, struct stream **ret, struct bh_error *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return bh_fail_errno(err, -ENOMEM, "read the archive");
	s->raw = archive_read_new();
	s->digest = EVP_MD_CTX_new();
	if (s->raw == NULL || s->digest == NULL ||
		EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1) {
		r = bh_fail_errno(err, -ENOMEM, "read the archive");
		goto fail;
	}
	if (archive_read_support_filter_gzip(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_bzip2(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_xz(s->raw) != ARCHIVE_OK ||
		archive_read_support_filter_zstd(s->raw) != ARCHIVE_OK ||
		archive_read_support_format_raw(s->raw) != ARCHIVE_OK ||
		archive_read_support_format_empty(s->raw) != ARCHIVE_OK ||
		archive_read_open_fd(s->raw, fd, PIECE) != ARCHIVE_OK) {
		r = stream_fail(s, err);
		goto fail;
	}
	*ret = s;
	return 0;
fail:
	stream_free(s);
	return r;
}

static int start(struct stream *s, struct bh_error *err)
{
	struct archive_entry *entry;
	int r = archive_read_next_header(s->raw, &entry);

	if (r == ARCHIVE_EOF)
		s->ended = true;
	else if (r != ARCHIVE_OK)
		return stream_fail(s, err);
	return 0;
}

ssize_t stream_read(struct stream *s, const void **ret, struct bh_error *err)
{
	ssize_t n;
	int r;

	if (archive_file_count(s->raw) == 0 && !s->ended) {
		r = start(s, err);
		if (r < 0)
			return r;
	}
	if (s->ended)
		return 0;
	n = archive_read_data(s->raw, s->piece, sizeof(s->piece));
	if (n < 0)
		return stream_fail(s, err);
	if (n == 0)
		s->ended = true;
	else if (EVP_DigestUpdate(s->digest, s->piece, (size_t)n) != 1)
		return bh_fail_errno(err, -EIO, "digest the archive");
	*ret = s->piece;
	return n;
}

int stream_finish(struct stream *s, char ret[static 72], struct bh_error *err)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	const void *rest;
	char *out = ret + 7;

	for (;;) {
		ssize_t n = stream_read(s, &rest, err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
	}
	if (EVP_DigestFinal_ex(s->digest, md, &len) != 1 || len != 32)
		return bh_fail_errno(err, -EIO, "digest the archive");
	__builtin_memcpy(ret, "sha256:", 7);
	for (unsigned int i = 0; i < len; i++) {
		*out++ = hex[md[i] >> 4];
		*out++ = hex[md[i] & 15];
	}
	*out = '\0';
	return 0;
}

void stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	(void)archive_read_free(s->raw);
	EVP_MD_CTX_free(s->digest);
	free(s);
}
