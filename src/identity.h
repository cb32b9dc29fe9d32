/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Input identity: is this the same input as last time?
 *
 * Says what identifies the rows of a query, without reading them where the state of
 * its tables tells.  Does not know which checkpoint that identity leads to: reuse.c
 * decides.  Steps, the dry run and content.c call it.
 *
 * IDENTIFICATION
 *	  src/identity.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_IDENTITY_H
#define CKPT_IDENTITY_H

#include "code.h"
#include "nodes/parsenodes.h"

/* How a step's input is told from others. */
typedef struct CkptIdentity
{
	char	   *hash;			/* content hash, or what stands for it; NULL
								 * while not known */
	CkptCode	code;			/* the query's text, with the code that it uses */
	char	   *derivation;		/* what the content hash follows from, or NULL */
	bool		probed;			/* hash is a probe's, not of the rows */
} CkptIdentity;

extern bool ckpt_identity_is_free(Query *query);
extern CkptIdentity ckpt_identity_prepare(Query *query, List *outputs, Oid owner,
										  Query *probe, const char *probe_sql);
extern bool ckpt_identity_read_apart(CkptIdentity *identity, Query *query, const char *sql);
extern void ckpt_identity_read(CkptIdentity *identity, Query *query, const char *sql,
							   int64 *rows);
extern void ckpt_identity_check(CkptIdentity *identity, Query *query, List *outputs,
								Oid owner);

#endif							/* CKPT_IDENTITY_H */
