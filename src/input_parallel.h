/*-------------------------------------------------------------------------
 *
 * input_parallel.h
 *	  A query's rows, numbered, hashed and kept by several processes.
 *
 * Knows what input.h knows, and is called by it alone, for inputs whose rows may come
 * in any order.
 *
 * IDENTIFICATION
 *	  src/input_parallel.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_PARALLEL_H
#define CKPT_INPUT_PARALLEL_H

#include "nodes/parsenodes.h"
#include "rowhash.h"
#include "utils/rel.h"

extern void ckpt_input_parallel_init(void);
extern bool ckpt_input_parallel(Query *query, const char *sql, Relation rel, int nprocesses,
								CkptRowSum *sum);

#endif							/* CKPT_INPUT_PARALLEL_H */
