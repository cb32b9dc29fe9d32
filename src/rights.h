/*-------------------------------------------------------------------------
 *
 * rights.h
 *	  May a role read and call what a query names?
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
