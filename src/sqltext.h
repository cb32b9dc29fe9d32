/*-------------------------------------------------------------------------
 *
 * sqltext.h
 *	  SQL text, token by token.
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
