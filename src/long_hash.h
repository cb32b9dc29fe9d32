/*-------------------------------------------------------------------------
 *
 * long_hash.h
 *	  Hashes of an input's long values, from the pass that wrote them.
 *
 * A step hashes its input's rows when it writes them, and the rows of its output,
 * which begin with the same values.  To hash a value that is stored compressed or
 * out of line it must be fetched and decompressed, which costs more than all else
 * that is done with it.  So the process that wrote the input remembers the hashes
 * of such values, by row and column: the first 65,536 of them, in 2 MB.
 *
 * They are good for the rows that this pass has written and nobody has changed
 * since, as a row's header says.  They are never stored, nor handed to another
 * process, and last no longer than the call of the step.
 *
 * input.c makes and fills them, runner.c has rows looked at that they may be good for,
 * and rowhash.c asks for them.
 *
 * IDENTIFICATION
 *	  src/long_hash.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LONG_HASH_H
#define CKPT_LONG_HASH_H

#include "access/attnum.h"
#include "executor/tuptable.h"

/* The hash of a value. */
typedef struct CkptLongHash
{
	uint64		lo;
	uint64		hi;
} CkptLongHash;

typedef struct CkptLongHashes CkptLongHashes;

struct CkptRowHasher;
struct CkptUdf;

extern CkptLongHashes *ckpt_long_hashes_create(void);
extern void ckpt_long_hashes_note(CkptLongHashes *hashes, int64 id, AttrNumber attno,
								  Size size, CkptLongHash hash);
extern bool ckpt_long_hashes_end(CkptLongHashes *hashes);
extern CkptLongHashes *ckpt_long_hashes_of(CkptLongHashes *hashes, TupleTableSlot *row);
extern void ckpt_long_hashes_origins(struct CkptRowHasher *hasher, const struct CkptUdf *udf);
extern bool ckpt_long_hashes_find(CkptLongHashes *hashes, int64 id, AttrNumber attno,
								  Size size, CkptLongHash *hash);

#endif							/* CKPT_LONG_HASH_H */
