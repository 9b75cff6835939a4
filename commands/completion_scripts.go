package commands

// completionScripts are what each shell runs to ask zkctl for candidates.
var completionScripts = map[string]string{
	"bash": `# zkctl completion for bash
_zkctl() {
    local line rest word cur stem= i n=0
    local -a words
    # Bash has taken --for=10s and random:2 apart; to zkctl they are one word each.
    rest="${COMP_LINE:0:COMP_POINT}"
    for ((i = 0; i <= COMP_CWORD; i++)); do
        line="${rest#"${rest%%[![:space:]]*}"}"
        word="${COMP_WORDS[i]}"
        if ((i == COMP_CWORD)); then word="$line"; fi
        if ((i == 0)) || [[ "$line" != "$rest" ]]; then
            words[n++]="$word"
        else
            words[n-1]+="$word"
        fi
        rest="${line#"$word"}"
    done
    cur="${words[n-1]}"
    if [[ "$cur" != [\'\"]* ]]; then
        # Bash replaces only what stands behind the last place at which it breaks words.
        for i in = :; do
            if [[ "$COMP_WORDBREAKS" == *"$i"* && "$cur" == *"$i"* ]]; then
                word="${cur%"$i"*}$i"
                if ((${#word} > ${#stem})); then stem="$word"; fi
            fi
        done
    fi
    words=("${words[@]//[\'\"]/}")
    COMPREPLY=()
    while IFS= read -r line; do
        line="${line%%$'\t'*}"
        COMPREPLY+=("${line#"$stem"}")
    done < <("${words[0]}" ` + completeCommand + ` "${words[@]:1}" 2>/dev/null)
}
complete -o default -F _zkctl zkctl
`,
	"zsh": `#compdef zkctl
# zkctl completion for zsh
_zkctl() {
    local line
    local -a found
    while IFS= read -r line; do
        line=${line//:/\\:}
        found+=("${line/$'\t'/:}")
    done < <("${words[1]}" ` + completeCommand + ` "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#found} )); then
        _describe zkctl found
    else
        _files
    fi
}
compdef _zkctl zkctl
`,
	"fish": `# zkctl completion for fish
function __zkctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] ` + completeCommand + ` $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c zkctl -f -a '(__zkctl_complete)'
`,
	"powershell": `# zkctl completion for powershell
Register-ArgumentCompleter -Native -CommandName zkctl -ScriptBlock {
    param($word, $ast, $position)
    $typed = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($word -eq '') { $typed += '""' }
    & zkctl ` + completeCommand + ` @typed 2>$null | ForEach-Object {
        $name, $text = $_ -split "` + "`t" + `", 2
        if (-not $text) { $text = $name }
        [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $text)
    }
}
`,
}
