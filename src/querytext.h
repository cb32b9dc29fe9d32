/*-------------------------------------------------------------------------
 *
 * querytext.h
 *	  The text of an analysed query, to be analysed again by others.
 *
 * Knows of names of steps in queries, as query.h has them, and nothing of jobs.
 * inline.c calls it; query.c analyses the text.
 *
 * IDENTIFICATION
 *	  src/querytext.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_QUERYTEXT_H
#define CKPT_QUERYTEXT_H

#include "nodes/parsenodes.h"

/*
 * Columns of the extension are read as those of "sys__i1", where the output that they
 * are of is called "sys__r1".
 */
#define CKPT_OUTPUT_ALIAS	CKPT_COLUMN_PREFIX "r"
#define CKPT_HIDDEN_ALIAS	CKPT_COLUMN_PREFIX "i"

extern void ckpt_querytext_names(Query *query, List **reads);
extern char *ckpt_querytext(Query *query);

#endif							/* CKPT_QUERYTEXT_H */
