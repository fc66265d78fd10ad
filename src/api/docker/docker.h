// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_API_DOCKER_DOCKER_H
#define BULKHEAD_API_DOCKER_DOCKER_H

/* Handlers of Docker's routes; the table is api/routes.c, the rules are in api/request.h. */

#include "api/request.h"

/* system.c */
void docker_ping(struct api_request *r);
void docker_version(struct api_request *r);
void docker_info(struct api_request *r);
/* events.c */
void docker_events(struct api_request *r);
/* images.c */
void docker_images_list(struct api_request *r);
void docker_image_inspect(struct api_request *r);
void docker_image_history(struct api_request *r);
void docker_image_tag(struct api_request *r);
void docker_image_delete(struct api_request *r);
/* import.c */
void docker_images_create(struct api_request *r);
/* containers.c */
void docker_container_create(struct api_request *r);
/* list.c */
void docker_containers_list(struct api_request *r);
/* inspect.c */
void docker_container_inspect(struct api_request *r);
/* lifecycle.c */
void docker_container_start(struct api_request *r);
void docker_container_stop(struct api_request *r);
void docker_container_restart(struct api_request *r);
void docker_container_kill(struct api_request *r);
void docker_container_rename(struct api_request *r);
void docker_container_resize(struct api_request *r);
void docker_container_delete(struct api_request *r);
/* wait.c */
void docker_container_wait(struct api_request *r);
/* attach.c */
void docker_container_attach(struct api_request *r);
/* logs.c */
void docker_container_logs(struct api_request *r);
/* top.c */
void docker_container_top(struct api_request *r);
/* exec.c */
void docker_exec_create(struct api_request *r);
void docker_exec_start(struct api_request *r);
void docker_exec_resize(struct api_request *r);
void docker_exec_inspect(struct api_request *r);

#endif
