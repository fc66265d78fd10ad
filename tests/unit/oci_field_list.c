// SPDX-License-Identifier: Apache-2.0
/*
 * Prints what the decoder of config.json knows, one property a line: its JSON pointer, with * for
 * any element or key, and why it is refused, if it is. tools/oci-fields compares this with the
 * specification and with the table in the tree.
 */
#include <stdio.h>

#include "spec/oci_decode.h"

#define POINTER_MAX 256

static void print_object(const struct oci_object *object, const char *prefix)
{
	for (size_t i = 0; i < object->count; i++) {
		const struct oci_field *field = &object->fields[i];
		char pointer[POINTER_MAX];

		(void)snprintf(pointer, sizeof(pointer), "%s/%s", prefix, field->name);
		if (field->kind == OCI_FIELD_REFUSED)
			printf("%s\t%s\n", pointer, field->reason);
		else
			printf("%s\t\n", pointer);
		if (field->object == NULL)
			continue;
		if (field->max > 0)
			(void)snprintf(pointer, sizeof(pointer), "%s/%s/*", prefix, field->name);
		print_object(field->object, pointer);
	}
}

int main(void)
{
	print_object(&oci_object_config, "");
	return 0;
}
