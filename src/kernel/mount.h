// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_KERNEL_MOUNT_H
#define BULKHEAD_KERNEL_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The mount API by descriptors (open_tree(2), move_mount(2), mount_setattr(2), fsopen(2)): a mount
 * is made detached, gets its attributes, and is attached in one step, so there is no moment in
 * which it can be used without them, and no path that can be replaced. Negative errno on failure.
 */

/* Copy the mount at fd (O_PATH) as a detached mount; recursive: with everything below it. */
int mount_clone(int fd, bool recursive);
/* Set and clear MOUNT_ATTR_* on the mount that fd is the root of. */
int mount_set_attributes(int fd, uint64_t set, uint64_t clear, bool recursive);
/* propagation: MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE. */
int mount_set_propagation(int fd, unsigned long propagation, bool recursive);
/* Attach a detached mount at the file or directory that target (O_PATH) is. */
int mount_attach(int mount, int target);
/* Map ids of a detached mount through a user namespace. */
int mount_set_idmap(int fd, int userns, bool recursive);
/* A new detached file system instance without options: proc, mqueue, tmpfs, ... attributes:
 * MOUNT_ATTR_*. source may be NULL. */
int mount_new(const char *type, const char *source, uint64_t attributes);
/* The MOUNT_ATTR_* bits that MS_* flags stand for, and those the flags say nothing about but an
 * explicit opposite option cleared. */
uint64_t mount_attributes(unsigned long ms_flags);

#endif
