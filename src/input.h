/*-------------------------------------------------------------------------
 *
 * input.h
 *	  Runs a step's query and hashes its rows, or numbers, hashes and keeps them.
 *
 * The rows pass once.  The module does not know what the hash is good for, nor
 * whether a checkpoint with these rows exists: steps ask identity.c and reuse.c
 * first.  It is called within a transaction of the step, as the job's owner.
 *
 * IDENTIFICATION
 *	  src/input.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_H
#define CKPT_INPUT_H

#include "nodes/parsenodes.h"
#include "rowhash.h"

typedef struct CkptInput
{
	CkptRowSum	sum;			/* of the query's rows */
	char	   *hash;			/* content hash */
	CkptLongHashes *long_hashes;	/* of rows that were kept, or NULL */
} CkptInput;

extern void ckpt_input_hash(Query *query, const char *sql, CkptInput *input);
extern void ckpt_input_materialize(Query *query, const char *sql, Oid relid,
								   int nprocesses, CkptInput *input);

#endif							/* CKPT_INPUT_H */
