/*-------------------------------------------------------------------------
 *
 * input.h
 *	  A query's rows: hashed, or numbered, hashed and kept.
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
	CkptRowSum	sum;			/* of its rows */
	char	   *hash;			/* content hash */
} CkptInput;

extern void ckpt_input_hash(Query *query, const char *sql, CkptInput *input);
extern void ckpt_input_materialize(Query *query, const char *sql, Oid relid,
								   CkptInput *input);

#endif							/* CKPT_INPUT_H */
