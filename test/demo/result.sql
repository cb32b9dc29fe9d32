SELECT word, uses FROM vocabulary ORDER BY uses DESC, word LIMIT 10;
