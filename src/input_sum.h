/*-------------------------------------------------------------------------
 *
 * input_sum.h
 *	  The content hash of a query's rows, where others than this process add it up.
 *
 * Knows what input.h knows.  identity.c calls it where rows are read for their hash
 * alone.
 *
 * IDENTIFICATION
 *	  src/input_sum.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_INPUT_SUM_H
#define CKPT_INPUT_SUM_H

#include "input.h"

extern bool ckpt_input_sum(Query *query, const char *sql, bool users_code, CkptInput *input);

#endif							/* CKPT_INPUT_SUM_H */
