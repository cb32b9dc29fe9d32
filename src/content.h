/*-------------------------------------------------------------------------
 *
 * content.h
 *	  What code reads that is part of it: tables, and the rows of a query.
 *
 * Hashes what the code reads, or takes the hash from the record.  Does not know what
 * else the code consists of, nor which checkpoint serves.  udf.c, reuse.c and
 * step_prepare.c call it.
 *
 * IDENTIFICATION
 *	  src/content.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CONTENT_H
#define CKPT_CONTENT_H

#include "nodes/parsenodes.h"

extern List *ckpt_content_of_tables(Query *query);
extern char *ckpt_content_of_query(Query *query, const char *sql, List *outputs);
extern void ckpt_content_store(Oid owner);

#endif							/* CKPT_CONTENT_H */
