/*-------------------------------------------------------------------------
 *
 * rowhash.h
 *	  Content hash: an order-independent 128-bit hash of a set of rows.
 *
 * A hasher is made for a row type, and adds rows to sums.  Sums of parts of the rows
 * can be merged, in any order, and finished to a text.  What bytes stand for a
 * single value, valuehash.h says.  Knows nothing of tables, jobs or queries;
 * anybody may call it.  Hashes are stored, so what is hashed must never change.
 *
 * IDENTIFICATION
 *	  src/rowhash.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_ROWHASH_H
#define CKPT_ROWHASH_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "long_hash.h"
#include "utils/uuid.h"

/* Length of a hash in its text form, without the final NUL. */
#define CKPT_HASH_LEN	32

/* The sum of the hashes of the rows seen, and their number. */
typedef struct CkptRowSum
{
	uint64		lo;
	uint64		hi;
	int64		rows;
} CkptRowSum;

typedef struct CkptRowHasher CkptRowHasher;

/* The hash of one row, as SQL has it, from the sum of that row alone, and back. */
static inline void
ckpt_rowhash_to_uuid(const CkptRowSum *sum, pg_uuid_t *hash)
{
	memcpy(hash->data, &sum->hi, sizeof(uint64));
	memcpy(hash->data + sizeof(uint64), &sum->lo, sizeof(uint64));
}

static inline CkptRowSum
ckpt_rowhash_from_uuid(const pg_uuid_t *hash)
{
	CkptRowSum	sum = {.rows = 1};

	memcpy(&sum.hi, hash->data, sizeof(uint64));
	memcpy(&sum.lo, hash->data + sizeof(uint64), sizeof(uint64));
	return sum;
}

extern CkptRowHasher *ckpt_rowhash_create(TupleDesc desc);
extern void ckpt_rowhash_add(CkptRowHasher *hasher, CkptRowSum *sum,
							 const Datum *values, const bool *isnull);
extern void ckpt_rowhash_add_tuple(CkptRowHasher *hasher, CkptRowSum *sum,
								   HeapTuple tuple);
extern void ckpt_rowhash_add_record(CkptRowHasher *hasher, CkptRowSum *sum,
									HeapTupleHeader record);
extern void ckpt_rowhash_add_formed(CkptRowHasher *hasher, CkptRowSum *sum, HeapTuple tuple,
									const Datum *values, const bool *isnull);
extern void ckpt_rowhash_note(CkptRowHasher *hasher, CkptLongHashes *hashes);
extern void ckpt_rowhash_origins(CkptRowHasher *hasher, int id_column,
								 const AttrNumber *origins);
extern void ckpt_rowhash_known(CkptRowHasher *hasher, CkptLongHashes *hashes);
extern void ckpt_rowhash_merge(CkptRowSum *sum, const CkptRowSum *other);
extern char *ckpt_rowhash_columns(const CkptRowHasher *hasher);
extern char *ckpt_rowhash_finish(const char *columns, const CkptRowSum *sum);
extern bool ckpt_rowhash_has_names(Oid typid);
extern char *ckpt_hash_text(const char *text);

#endif							/* CKPT_ROWHASH_H */
