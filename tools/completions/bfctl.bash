# bash completion for bfctl
_bfctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local commands="status check reload keys routes models usage logs top workers export completion version help"
    local global="--socket --url --token --ca --json --help --version"
    local command="" verb="" word i
    case $previous in
    --socket | --ca)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --by)
        mapfile -t COMPREPLY < <(compgen -W "day key provider model" -- "$current")
        return
        ;;
    --origin)
        mapfile -t COMPREPLY < <(compgen -W "file api" -- "$current")
        return
        ;;
    --url | --token | --key | --model | --models | --provider | --since | --until | --status | --limit | --name | --expires | --interval)
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket | --url | --token | --ca) ((i++)) ;;
        -*) ;;
        *)
            if [ -z "$command" ]; then command=$word; elif [ -z "$verb" ]; then verb=$word; fi
            ;;
        esac
    done
    local words=$global
    case $command in
    "") words="$commands $global" ;;
    keys)
        case $verb in
        "") words="list create revoke" ;;
        list) words="--name --origin $global" ;;
        create) words="--models --expires --inactive --strict $global" ;;
        esac
        ;;
    routes) words="--provider $global" ;;
    usage) words="--by --key --model --provider --since --until $global" ;;
    logs) words="-f --follow --limit --key --model --provider --since --until --status $global" ;;
    top) words="--once --interval $global" ;;
    completion) words="bash zsh fish" ;;
    help) words=$commands ;;
    check)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _bfctl bfctl
