/*-------------------------------------------------------------------------
 *
 * members.h
 *	  Rows of groups, on their way into the input table of agg and out of it.
 *
 * Two functions of our own do what the server's row_number() and unnest() do, for
 * less: queries are written and analysed with those, and run with these.  Called
 * by agg.c; the module does not know what the queries are for.
 *
 * IDENTIFICATION
 *	  src/members.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_MEMBERS_H
#define CKPT_MEMBERS_H

#include "nodes/parsenodes.h"

extern void ckpt_members_number(Query *query, AttrNumber attno);
extern void ckpt_members_unnest(Query *query);

#endif							/* CKPT_MEMBERS_H */
