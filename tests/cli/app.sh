# Makes the repository "app" that tasks of a transcript work in.
set -eu
git init --quiet --initial-branch=main app
cd app
mkdir src
for n in 1 2 3; do echo "file $n" > "src/f$n.txt"; done
printf 'target/\n' > .gitignore
git add --all
git commit --quiet --message 'The app'
