// SPDX-License-Identifier: Apache-2.0
#include "engine/names.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/mem.h"

static const char *const qualities[] = {"able", "agile", "ample", "bold", "brave", "bright",
	"brisk", "calm", "candid", "clear", "clever", "cool", "crisp", "deep", "eager", "early",
	"even", "fair", "fast", "fine", "firm", "fleet", "fresh", "gentle", "glad", "grand",
	"hardy", "honest", "humble", "jolly", "keen", "kind", "lively", "loyal", "lucid", "merry",
	"modest", "neat", "nimble", "noble", "patient", "plain", "polite", "prime", "proud",
	"quick", "quiet", "ready", "robust", "sharp", "silent", "simple", "smart", "sound",
	"stable", "steady", "sturdy", "swift", "tidy", "vivid", "warm", "wide", "wise", "witty"};

static const char *const things[] = {"anchor", "ballast", "barge", "beacon", "bosun", "bow",
	"bridge", "brig", "buoy", "cabin", "canal", "capstan", "clipper", "compass", "cove",
	"current", "cutter", "deck", "delta", "dinghy", "dock", "dory", "fathom", "ferry", "fjord",
	"frigate", "galley", "gangway", "halyard", "harbor", "hatch", "hawser", "helm", "hull",
	"island", "jetty", "keel", "ketch", "lagoon", "lantern", "lighthouse", "lock", "mast",
	"mooring", "oar", "pier", "pilot", "porthole", "prow", "quay", "reef", "rigging", "rudder",
	"sail", "schooner", "sextant", "shoal", "skiff", "sloop", "spar", "stern", "tide", "tiller",
	"yawl"};

void name_generate(uint32_t random, char ret[static NAMES_GENERATED_MAX])
{
	size_t first = random % ARRAY_SIZE(qualities);
	size_t second = random / ARRAY_SIZE(qualities) % ARRAY_SIZE(things);

	(void)snprintf(ret, NAMES_GENERATED_MAX, "%s_%s", qualities[first], things[second]);
}

int name_random_hex(char *ret, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[32];

	if (n / 2 > sizeof(bytes) || getrandom(bytes, n / 2, 0) != (ssize_t)(n / 2))
		return -EIO;
	for (size_t i = 0; i < n; i++)
		ret[i] = hex[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15];
	ret[n] = '\0';
	return 0;
}
