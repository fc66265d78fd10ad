// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_API_H
#define BULKHEAD_API_API_H

/*
 * The engine's API: routes of Docker's and of our own over the HTTP server. What it decides itself
 * is syntax and who may do what (guard); everything else is the engine's.
 */

#include "base/error.h"
#include "base/log.h"
#include "engine/engine.h"
#include "guard/audit.h"
#include "spec/daemon_config.h"

#define API_VERSION_MIN 24 /* 1.24 */
#define API_VERSION_MAX 50 /* 1.50 */
#define API_TEXT(n)     API_TEXT_(n)
#define API_TEXT_(n)    #n

struct api;
struct loop;

struct api_options {
	struct loop *loop;
	struct engine *engine;              /* borrowed, outlives the api's exchanges */
	const struct daemon_config *config; /* borrowed */
	const struct log *log;              /* borrowed */
	struct audit *audit;                /* borrowed; may be NULL */
	int spool_dirfd;                    /* where uploads are kept for the time of a request */
};

int api_new(const struct api_options *options, struct api **ret, struct bh_error *err);
/* Ends all connections; call it before engine_free(). Accepts NULL. */
void api_free(struct api *api);
/* Serve a listening socket; fd is taken over, also on failure. */
int api_listen(struct api *api, int fd, struct bh_error *err);

#endif
