/*-------------------------------------------------------------------------
 *
 * plain_query.h
 *	  Does a query return the rows of one relation as they are?
 *
 * Knows nothing of jobs, nor of what the relation is.  Callers look at which columns
 * there are, and in which order.
 *
 * IDENTIFICATION
 *	  src/plain_query.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PLAIN_QUERY_H
#define CKPT_PLAIN_QUERY_H

#include "nodes/parsenodes.h"

extern RangeTblEntry *ckpt_plain_query(const Query *query);

#endif							/* CKPT_PLAIN_QUERY_H */
