# zsh-capture.zsh SCRIPT LINE: what zsh offers at the end of LINE once SCRIPT is loaded, one a line.
# An interactive zsh on a terminal of its own gets the line and a Tab; what its completion would show
# is printed between marks instead.
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT= PS2=; autoload -Uz compinit; compinit -u -D; source $1"
zpty -w z 'bindkey "^I" complete-word
done-line () { print -r -- "<<end>>" }
compprefuncs=( ); comppostfuncs=( done-line exit )
compadd () {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
  typeset -a __hits
  builtin compadd -A __hits "$@"
  for hit in $__hits; do print -r -- "<<$hit>>"; done
  [[ -n $__hits ]]
}
stty -echo; print -r -- "<<re""ady>>"'
zpty -r -m z line '*<<ready>>*'
zpty -n -w z "$2"$'\t'
out=
while zpty -r z line; do
  out+=$line
  [[ $line == *'<<end>>'* ]] && break
done
print -r -- $out | tr -d '\r' | grep -o '<<[^>]*>>' | grep -v -e '<<end>>' -e '<<ready>>' |
  sed 's/^<<//; s/>>$//'
exit 0
