/*-------------------------------------------------------------------------
 *
 * names.h
 *	  What the names in a source may stand for.
 *
 * Reads the source of a function in SQL or PL/pgSQL, token by token, and notes in
 * its body what the names in it may stand for.  Does not know whose source it is,
 * nor under which search_path and as whom it will run: uses.c, the only caller,
 * sets both before.
 *
 *
 * IDENTIFICATION
 *	  src/names.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_NAMES_H
#define CKPT_NAMES_H

#include "body.h"

extern void ckpt_names_use(CkptBody *body, const char *normalized);

#endif							/* CKPT_NAMES_H */
