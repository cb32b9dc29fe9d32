/*-------------------------------------------------------------------------
 *
 * rights.h
 *	  May a role read and call what a query names?
 *
 * Asks of a query that is not run what the server asks when it is run.  Does not know
 * jobs or checkpoints: whose job it is, role.h checks.  Steps and reuse.c call it.
 *
 * IDENTIFICATION
 *	  src/rights.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_RIGHTS_H
#define CKPT_RIGHTS_H

#include "nodes/parsenodes.h"

extern void ckpt_rights_check(Query *query);

#endif							/* CKPT_RIGHTS_H */
