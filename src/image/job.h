// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_IMAGE_JOB_H
#define BULKHEAD_IMAGE_JOB_H

/*
 * Runs of bulkhead-files on the event loop: each is a child with a directory, perhaps an input, and
 * one JSON object as its answer (see bulkhead-files(8)). A job that exceeds its time is killed.
 */

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/loop.h"

struct jobs;
struct job;

#define JOBS_MAX 8 /* running at one time: more is -EAGAIN */

/* program: path of bulkhead-files, opened here. */
int jobs_new(struct loop *loop, const char *program, struct jobs **ret, struct bh_error *err);
/* Kills what runs; no callbacks. Accepts NULL. */
void jobs_free(struct jobs *j);

/* code 0: result is the answer, else err says why not. */
typedef void (*job_done_fn)(
	void *data, int code, const struct json *result, const struct bh_error *err);

struct job_request {
	const char *verb;    /* "unpack", "remove" */
	int dir_fd;          /* the directory worked in; borrowed for the call */
	int input_fd;        /* -EBADF: none */
	uint64_t timeout_ms; /* 0: 1 hour */
};
/* done is called once, later, from the loop. */
int jobs_start(struct jobs *j, const struct job_request *request, job_done_fn done, void *data,
	struct bh_error *err);

#endif
