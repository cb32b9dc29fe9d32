/*-------------------------------------------------------------------------
 *
 * fingerprint.h
 *	  Code fingerprint: is this the same code as last time?
 *
 * IDENTIFICATION
 *	  src/fingerprint.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_FINGERPRINT_H
#define CKPT_FINGERPRINT_H

#include "code.h"
#include "nodes/parsenodes.h"

extern CkptCode ckpt_fingerprint_query(Query *query);
extern void ckpt_fingerprint_hide_relation(RangeTblEntry *rte, const char *name);
extern CkptCode ckpt_fingerprint_none(void);
extern char *ckpt_fingerprint_describe(const char *difference);

#endif							/* CKPT_FINGERPRINT_H */
