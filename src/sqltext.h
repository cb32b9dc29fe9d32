/*-------------------------------------------------------------------------
 *
 * sqltext.h
 *	  Normalises SQL text, token by token.
 *
 * Used where texts are compared: by fingerprint.c for the sources of functions, for
 * instance.  The module knows tokens, not what they mean.
 *
 * IDENTIFICATION
 *	  src/sqltext.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_SQLTEXT_H
#define CKPT_SQLTEXT_H

extern char *ckpt_sqltext_normalize(const char *sql, bool pinned, bool *has_comment);

#endif							/* CKPT_SQLTEXT_H */
