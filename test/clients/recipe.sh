# shellcheck shell=bash
#
# Sourced by test/clients/*/try, the tries of the recipes in doc/recipes.md.  Each is run
# in its own directory, in a database of its own with the extension and
# recipes.sql.  The environment has libpq's variables, and TOOLS, a directory
# in which what comes by package managers may stay.

set -euo pipefail

# skip ends a try that lacks something.
skip()
{
	echo "skipped: $*"
	exit 77
}

need()
{
	local program

	for program; do
		command -v "$program" >/dev/null || skip "there is no program $program"
	done
}

# python_with makes a Python that has these packages, and PATH begin with it.
python_with()
{
	local venv=$TOOLS/venv-${1//[^a-z0-9]/-}

	need python3
	[ -e "$venv/ready" ] ||
		{ python3 -m venv "$venv" && "$venv/bin/pip" -q install "$@" && touch "$venv/ready"; } ||
		skip "cannot install $*"
	PATH=$venv/bin:$PATH
}

# nightly_done tests that a job whose function failed on row 13 went on from there.
nightly_done()
{
	psql -Xq -v ON_ERROR_STOP=1 <<-'SQL' >/dev/null
		SELECT 1 / (count(*) = 20)::int FROM public.embeddings;
		SELECT 1 / (count(*) > 0)::int FROM checkpoint.steps
		WHERE job = 'nightly' AND step = 'embedded' AND rows_kept = 12 AND rows_computed = 8;
	SQL
}
