#!/bin/sh
# Commits what a release, a rollback or a retirement wrote, and pushes it: the stack's ledger, which
# says what is live to every later command, and its receipts.
# PUSH_TOKEN, if set, is the token to push with; else Git's own credentials are used.
set -eu
if [ $# -ne 2 ] || [ "$1" = -h ]; then
    echo "usage: scripts/deploy/record.sh STACK BRANCH" >&2
    exit 2
fi
stack=$1 branch=$2
cd -- "$(dirname -- "$0")/../.."
summary=${GITHUB_STEP_SUMMARY:-/dev/null}

if [ -n "${PUSH_TOKEN:-}" ]; then
    # Git asks this for the token, which so is in no file and on no command line.
    # shellcheck disable=SC2016
    helper='!f() { echo username=x-access-token; echo "password=$PUSH_TOKEN"; }; f'
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper GIT_CONFIG_VALUE_0="$helper"
fi
if [ -n "${GITHUB_ACTIONS:-}" ]; then
    export GIT_AUTHOR_NAME="github-actions[bot]" GIT_COMMITTER_NAME="github-actions[bot]"
    export GIT_AUTHOR_EMAIL="41898282+github-actions[bot]@users.noreply.github.com"
    export GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
fi

set -- "releases/$stack.yaml"
[ ! -d "receipts/$stack" ] || set -- "$@" "receipts/$stack"
git add -- "$@"
changed=$(git diff --cached --name-only -- "$@")
if [ -z "$changed" ]; then
    echo "Nothing to record: ledger and receipts of $stack are as in the last commit."
    exit 0
fi

what=
for receipt in $(git diff --cached --name-only --diff-filter=AM -- "receipts/$stack/*.md"); do
    cat -- "$receipt" >>"$summary"
    what="${what:+$what, }$(sed -n '1s/^# //p' "$receipt")"
done
what="$stack: ${what:-idle slots retired}"
# shellcheck disable=SC2086 # one word per file: their names have no spaces
git commit --quiet -m "$what" -- $changed

for _ in 1 2 3 4 5; do
    if git push --quiet origin "HEAD:refs/heads/$branch"; then
        echo "Recorded in $branch: $what"
        exit 0
    fi
    # Somebody else was faster: once more, on top of theirs.
    git pull --quiet --rebase --autostash origin "$branch" || break
done
git rebase --abort 2>/dev/null || true
{
    echo "**The ledger of $stack is not in $branch.** Put this into releases/$stack.yaml there before"
    echo "anything else: until then every command takes the former versions for the live ones."
    echo '```yaml'
    cat "releases/$stack.yaml"
    echo '```'
} | tee -a "$summary" >&2
exit 1
