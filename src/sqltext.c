/*-------------------------------------------------------------------------
 *
 * sqltext.c
 *	  SQL text, token by token, as the server's own scanner reads it.
 *
 * IDENTIFICATION
 *	  src/sqltext.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include <ctype.h>

#include "lib/stringinfo.h"
#include "common/keywords.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "parser/scansup.h"
#include "sqltext.h"

/*
 * sqltext_add_token writes one token in its normal form.
 */
static void
sqltext_add_token(StringInfo buf, const char *token, int len)
{
	bool		word = isalpha((unsigned char) token[0]) || token[0] == '_' ||
		IS_HIGHBIT_SET(token[0]);

	/* a name or a keyword, unless it opens a literal such as E'' or U&"" */
	if (word && memchr(token, '\'', len) == NULL && memchr(token, '"', len) == NULL)
		appendStringInfoString(buf, downcase_identifier(token, len, false, false));
	else
		appendBinaryStringInfo(buf, token, len);
	appendStringInfoChar(buf, '\1');
}

/*
 * ckpt_sqltext_normalize returns SQL (or PL/pgSQL) text without what does not
 * count: comments, spacing, the letter case of keywords and unquoted names.
 *
 * Sets *has_comment, if not NULL, to whether there was a comment.  Raises a
 * syntax error for text that has no tokens, such as an unclosed string.
 *
 * The text is read as a statement of the session would be; pinned: in the same
 * way in each session.
 */
char *
ckpt_sqltext_normalize(const char *sql, bool pinned, bool *has_comment)
{
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		location;
	core_yyscan_t scanner = scanner_init(sql, &extra, &ScanKeywords, ScanKeywordTokens);
	StringInfoData buf;
	int			end = 0;		/* of the last token */
	bool		comment = false;
	int			token;

	if (pinned)
	{
		extra.backslash_quote = BACKSLASH_QUOTE_ON;
		extra.escape_string_warning = false;
		extra.standard_conforming_strings = true;
	}

	initStringInfo(&buf);
	do
	{
		token = core_yylex(&value, &location, scanner);

		if (token == 0)
			location = (int) strlen(sql);
		for (int i = end; i < location; i++)
			comment |= !scanner_isspace(sql[i]);
		if (token == 0)
			break;

		/* the scanner ends the current token with a NUL */
		end = location + (int) strlen(extra.scanbuf + location);
		sqltext_add_token(&buf, sql + location, end - location);
	} while (token != 0);
	scanner_finish(scanner);

	if (has_comment)
		*has_comment = comment;
	return buf.data;
}
