# shellcheck shell=bash
#
# Sourced by test/run, test/demo/run and test/bench/run: a server of our own.
#
#	prepare [plpython3] [tap]		build and install what is to be tested, and
#									change to the temporary directory; into
#									OLD_PG_CONFIG's server, too, if that is given
#	start_server [name=value ...]	a throwaway cluster with these settings
#
# What is missing and Debian packages can provide gets installed.  The source
# tree and the server's install tree are copied to a temporary directory;
# everything is built, installed and run there, as an unprivileged user.  A
# server looks for its files relative to its own binary, so the copy is
# complete in itself, and neither the clone nor the system is written to.
#
# When the script ends, however it ends, so do its processes, and the directory
# is removed (KEEP=1 keeps it).  PG_CONFIG=... chooses another server.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
oldest=15				# server version that we support
version=				# of the server to use
pg_config=				# its pg_config: the copy's one, once there is a copy
bin=					# its programs, likewise
tmp=					# the temporary directory
user=					# who the server runs as
as_user=()				# prefix that runs a command as that user
group=					# process group of the command that runs now

fail()
{
	echo "$0: $*" >&2
	exit 1
}

prepare()
{
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	find_server
	install_packages "$@"
	choose_user
	make_tmp
	clean_environment
	copy_servers
}

# copy_servers copies the servers and builds for each; the older one first.
copy_servers()
{
	local new=$bin

	if [ -n "${OLD_PG_CONFIG:-}" ]; then
		copy_server "$(dirname "$OLD_PG_CONFIG")"
		export OLD_PG_CONFIG=$pg_config
		build
	fi
	copy_server "$new"
	build
}

#
# Packages
#

have()
{
	command -v "$1" >/dev/null
}

config()
{
	"$pg_config" "--$1" 2>/dev/null
}

# find_server chooses PG_CONFIG's server, else the newest one installed, else
# the newest one that can be.
find_server()
{
	if [ -n "${PG_CONFIG:-}" ]; then
		pg_config=$(command -v "$PG_CONFIG") || fail "no such program: $PG_CONFIG"
		version=$(config version | sed -nE 's/^PostgreSQL ([0-9]+).*/\1/p') || :
		[ "${version:-0}" -ge $oldest ] || fail "$PG_CONFIG: not a server of version $oldest or later"
		bin=$(config bindir)
		return
	fi

	have apt-get || fail "neither Debian nor Ubuntu: set PG_CONFIG to a server's pg_config"
	version=$(installed_versions | newest)
	if [ -z "$version" ]; then
		version=$(available_versions | newest)
	fi
	if [ -z "$version" ]; then
		as_root apt-get update
		version=$(available_versions | newest)
	fi
	[ -n "$version" ] || fail "there is no server package of version $oldest or later"
	bin=/usr/lib/postgresql/$version/bin
	pg_config=$bin/pg_config
}

installed_versions()
{
	compgen -G '/usr/lib/postgresql/*/bin/postgres' | cut -d / -f 5 || :
}

available_versions()
{
	apt-cache pkgnames postgresql-server-dev- | sed 's/.*-//'
}

newest()
{
	awk -v best=$((oldest - 1)) '/^[0-9]+$/ && $1 > best { best = $1; found = 1 }
		END { if (found) print best }'
}

# missing_packages looks for what is in a package, not for the package: a server
# built from source will do, too.
missing_packages()
{
	local want
	local same=				# "=version" of an installed server

	{ have make && have gcc && have nm; } || echo build-essential
	echo '#include <xxhash.h>' | gcc -E - >/dev/null 2>&1 || echo libxxhash-dev

	# What comes to an installed server must not upgrade, so restart, it.
	if [ -x "$bin/postgres" ]; then
		same=$(dpkg-query -W -f '=${Version}' "postgresql-$version" 2>/dev/null) || :
	else
		echo "postgresql-$version"
	fi
	{ [ -e "$(config pgxs)" ] && [ -e "$(config includedir-server)/postgres.h" ]; } ||
		echo "postgresql-server-dev-$version$same"

	for want in "$@"; do
		case $want in
			plpython3)
				[ -e "$(config sharedir)/extension/plpython3u.control" ] ||
					echo "postgresql-plpython3-$version$same" ;;
			tap)
				perl -MIPC::Run -e 1 2>/dev/null || echo libipc-run-perl ;;
		esac
	done
}

install_packages()
{
	local missing

	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ -n "${PG_CONFIG:-}" ] && [[ ${missing[*]} == *postgresql-* ]]; then
		fail "$PG_CONFIG: this server lacks what is in ${missing[*]}"
	fi
	may_be_root ||
		fail "run this first, as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
	as_root apt-get update
	forbid_main_cluster
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}"
	allow_main_cluster

	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} = 0 ] || fail "still missing: ${missing[*]}"
}

may_be_root()
{
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif may_be_root; then
		sudo -n "$@"
	else
		fail "run this first, as root: $*"
	fi
}

# A server package makes and starts a cluster when it is installed, unless a
# file says no.  What we add to /etc for that goes away again.
no_main_cluster=/etc/postgresql-common/createcluster.d/checkpoint-test.conf
no_main_cluster_dirs=	# those that were not there before, innermost first

forbid_main_cluster()
{
	local dir=${no_main_cluster%/*}

	while [ ! -d "$dir" ]; do
		no_main_cluster_dirs+="$dir "
		dir=${dir%/*}
	done
	as_root mkdir -p "${no_main_cluster%/*}"
	echo "create_main_cluster = false" | as_root tee "$no_main_cluster" >/dev/null
}

allow_main_cluster()
{
	local dir

	as_root rm -f "$no_main_cluster"
	for dir in $no_main_cluster_dirs; do
		as_root rmdir --ignore-fail-on-non-empty "$dir"
	done
}

#
# The temporary directory
#

# choose_user: a server refuses to run as root.
choose_user()
{
	user=$(id -un)
	[ "$(id -u)" = 0 ] || return 0
	user=postgres
	id "$user" >/dev/null 2>&1 || user=nobody
	as_user=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --)
}

# make_tmp avoids a TMPDIR that the user cannot enter, whose name make cannot
# read, or that is long: the path of a socket may have 107 bytes.
make_tmp()
{
	local dir=${TMPDIR:-/tmp}

	if [[ ! $dir =~ ^/[A-Za-z0-9/._-]{1,40}$ ]] || ! "${as_user[@]}" test -w "$dir" -a -x "$dir"; then
		dir=/tmp
	fi
	tmp=$("${as_user[@]}" mktemp -d "$(cd "$dir" && pwd -P)/checkpoint.XXXXXX")
	cd "$tmp"
	"${as_user[@]}" mkdir home tmp
	if [ -n "${KEEP:-}" ]; then
		echo "everything is kept in $tmp"
	fi
}

# clean_environment: no client must find another server, nor a make our make's.
clean_environment()
{
	unset "${!PG@}" "${!LC_@}" MAKEFLAGS MFLAGS MAKELEVEL
	export HOME=$tmp/home TMPDIR=$tmp/tmp LANG=C.UTF-8
	export PGHOST=$tmp PGUSER=postgres PGDATABASE=postgres PGCTLTIMEOUT=300
}

# copy_server copies the server whose programs are in a directory, and makes
# pg_config and bin the copy's: all that PGXS builds, installs and tests with
# follows from it.
copy_server()
{
	local copy=$tmp/server
	local dir

	pg_config=$1/pg_config
	for dir in bindir pkglibdir sharedir includedir-server; do
		dir=$(config $dir)
		mkdir -p "$copy$dir"
		cp -a "$dir/." "$copy$dir/"
	done
	bin=$copy$1
	pg_config=$bin/pg_config
	PATH=$bin:$PATH

	[[ $(config pkglibdir) == "$copy"/* ]] ||
		fail "the copy of the server uses $(config pkglibdir)"
}

build()
{
	rm -rf "$tmp/src"
	mkdir "$tmp/src"
	cp -R "$top"/{Makefile,checkpoint.control,README.md,doc,src,sql,expected,test} "$tmp/src/"
	[ "$(id -un)" = "$user" ] || chown -Rh "$user:" "$tmp"
	make_target clean
	# with the places where tests stop a step: see src/stoppoint.c
	make_target all symbols -j"$(nproc)" WERROR=1 PG_CPPFLAGS=-DCKPT_TEST_HOOKS
	make_target install
}

make_target()
{
	run make -s -C "$tmp/src" PG_CONFIG="$pg_config" "$@"
}

start_server()
{
	# In a session of its own a Ctrl-C does not reach it: an initdb that is killed
	# leaves shared memory behind.  Our trap can wait for this second.
	setsid "${as_user[@]}" initdb -D "$tmp/data" -U postgres -A trust -E UTF8 --no-locale \
		--no-sync >"$tmp/initdb.log" 2>&1 || fail "$(cat "$tmp/initdb.log")"
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$tmp'"
		echo "checkpoint.progress_interval = 0"	# no NOTICE of it where all is slow
		printf '%s\n' "$@"
	} >>"$tmp/data/postgresql.conf"
	run pg_ctl -D "$tmp/data" -l "$tmp/server.log" -s -w start || fail "$(cat "$tmp/server.log")"
}

#
# Processes
#

# run runs a command as the server's user and returns its status.  It has a
# process group of its own, to be ended as one, and we wait for it in the one
# way that lets a signal to us take effect at once.
run()
{
	local status=0

	setsid "${as_user[@]}" "$@" </dev/null &
	group=$!
	wait "$group" || status=$?
	group=
	return $status
}

cleanup()
{
	local status=$?

	trap '' HUP INT TERM
	set +e
	[ ! -e "$no_main_cluster" ] || allow_main_cluster
	if [ -n "$tmp" ]; then
		end_processes
		[ -n "${KEEP:-}" ] || rm -rf "$tmp"
	fi
	exit "$status"
}

end_processes()
{
	[ -z "$group" ] || kill -TERM -- "-$group"
	for _ in {1..100}; do
		# To a server this is an immediate shutdown; a killed one would leave
		# shared memory behind.
		programs postgres | signal QUIT
		[ -n "$(programs "*"; group_members)" ] || return 0
		sleep 0.1
	done
	{ programs "*"; group_members; } | signal KILL
} 2>/dev/null

# signal sends a signal to the processes that it reads.  Not every system has a
# program for that, but the shell does it.
signal()
{
	local pids

	mapfile -t pids
	[ ${#pids[@]} = 0 ] || kill "-$1" "${pids[@]}"
}

# programs prints the processes that run this program of the server's copy,
# whoever started them.
programs()
{
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$tmp/server/*/$1" | cut -d / -f 3
}

group_members()
{
	cat /proc/[0-9]*/stat | sed -E 's/\(.*\)/()/' |
		awk -v group="$group" '$5 == group && $3 != "Z" { print $1 }'
}
