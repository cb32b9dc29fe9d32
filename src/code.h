/*-------------------------------------------------------------------------
 *
 * code.h
 *	  A version of the code that computes rows, and how two versions differ.
 *
 * The struct is what the ledger, the decision and the steps hand to each other.  What
 * code is, and how its hash is made, only fingerprint.c knows.
 *
 * IDENTIFICATION
 *	  src/code.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CODE_H
#define CKPT_CODE_H

#include "nodes/pg_list.h"

/* Bytes of a version that a user names. */
#define CKPT_MAX_VERSION	255

/*
 * Two versions are the same if hash and cache_version are.  Components only say
 * what makes the difference between two versions; where a version is looked for
 * they may be NULL.
 */
typedef struct CkptCode
{
	const char *hash;			/* of the fingerprint */
	const char *cache_version;	/* or NULL */
	const char *components;		/* JSON object: name of part -> its hash */
	List	   *settings;		/* see fingerprint.c */
} CkptCode;

/* What a call says of its code, beside the code itself. */
typedef struct CkptCodeGiven
{
	const char *cache_version;	/* or NULL */
	const char *code_version;	/* that stands for the code, or NULL */
	const char *depends_on;		/* hash of the rows that it depends on, or NULL */
} CkptCodeGiven;

static inline bool
ckpt_code_equal(const CkptCode *a, const CkptCode *b)
{
	return strcmp(a->hash, b->hash) == 0 &&
		strcmp(a->cache_version ? a->cache_version : "",
			   b->cache_version ? b->cache_version : "") == 0;
}

extern char *ckpt_code_difference(const CkptCode *old, const CkptCode *new);

#endif							/* CKPT_CODE_H */
