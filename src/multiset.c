/*-------------------------------------------------------------------------
 *
 * multiset.c
 *	  A set of hashes, of which each may be in it several times.
 *
 * A hash has a count of its own; one that is taken out for the last time keeps its
 * place with a count of 0.
 *
 * IDENTIFICATION
 *	  src/multiset.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "multiset.h"

typedef struct MultisetHash
{
	uint64		a;
	uint64		b;
} MultisetHash;

typedef struct MultisetEntry
{
	MultisetHash hash;
	uint32		count;
	char		status;			/* simplehash's */
} MultisetEntry;

/* hashes are hashed already */
#define SH_PREFIX multiset
#define SH_ELEMENT_TYPE MultisetEntry
#define SH_KEY_TYPE MultisetHash
#define SH_KEY hash
#define SH_HASH_KEY(tb, key) ((uint32) (key).a)
#define SH_EQUAL(tb, x, y) ((x).a == (y).a && (x).b == (y).b)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CkptMultiset
{
	multiset_hash *table;
	int64		members;
};

/*
 * ckpt_multiset_create makes an empty set in the current memory context.
 */
CkptMultiset *
ckpt_multiset_create(void)
{
	CkptMultiset *set = palloc0(sizeof(CkptMultiset));

	set->table = multiset_create(CurrentMemoryContext, 1024, NULL);
	return set;
}

static MultisetHash
hash_of(const pg_uuid_t *uuid)
{
	MultisetHash hash;

	memcpy(&hash.a, uuid->data, sizeof(uint64));
	memcpy(&hash.b, uuid->data + sizeof(uint64), sizeof(uint64));
	return hash;
}

/*
 * ckpt_multiset_add puts a hash into the set, once more if it is there.
 */
void
ckpt_multiset_add(CkptMultiset *set, const pg_uuid_t *hash)
{
	bool		found;
	MultisetEntry *entry = multiset_insert(set->table, hash_of(hash), &found);

	if (!found)
		entry->count = 0;
	entry->count++;
	set->members++;
}

/*
 * ckpt_multiset_take takes a hash out of the set, once, and returns whether it was
 * there.
 */
bool
ckpt_multiset_take(CkptMultiset *set, const pg_uuid_t *hash)
{
	MultisetEntry *entry = multiset_lookup(set->table, hash_of(hash));

	if (entry == NULL || entry->count == 0)
		return false;
	entry->count--;
	set->members--;
	return true;
}

/*
 * ckpt_multiset_members returns how many hashes are in the set, each as often as it is.
 */
int64
ckpt_multiset_members(const CkptMultiset *set)
{
	return set->members;
}

/*
 * ckpt_multiset_size returns how many bytes the set takes.
 */
Size
ckpt_multiset_size(const CkptMultiset *set)
{
	return (Size) set->table->size * sizeof(MultisetEntry);
}
