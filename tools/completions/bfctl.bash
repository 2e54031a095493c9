# bash completion for bfctl
_bfctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local commands="status check reload keys teams customers budgets routes explain rule models usage shadow audit logs top workers export completion version help"
    local global="--socket --url --token --ca --json --help --version"
    local command="" verb="" word i
    case $previous in
    --socket | --ca | --body | --prices)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --by)
        mapfile -t COMPREPLY < <(compgen -W "day customer team key provider model none" -- "$current")
        return
        ;;
    --origin)
        mapfile -t COMPREPLY < <(compgen -W "file api" -- "$current")
        return
        ;;
    --children)
        mapfile -t COMPREPLY < <(compgen -W "refuse reparent delete" -- "$current")
        return
        ;;
    --kind)
        mapfile -t COMPREPLY < <(compgen -W "customer team key model_limit provider" -- "$current")
        return
        ;;
    --dialect)
        mapfile -t COMPREPLY < <(compgen -W "openai responses anthropic gemini bedrock cohere" -- "$current")
        return
        ;;
    --endpoint)
        mapfile -t COMPREPLY < <(compgen -W "chat responses messages completions embeddings gemini converse cohere" -- "$current")
        return
        ;;
    --priority)
        mapfile -t COMPREPLY < <(compgen -W "high normal low" -- "$current")
        return
        ;;
    --header | --param | --address | --peer | --at | --budget-used | --fallbacks | --provider-key | --tokens | --max-tokens | --images | --use | --when)
        return
        ;;
    --budget | --rate-limit | --token-limit | --concurrency | --tags | --tag | --team | --customer | --value | --deny-models | --grace)
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
    keys | teams | customers)
        local rules="--budget --rate-limit --token-limit --concurrency --tags"
        local more=""
        [ "$command" = keys ] && more="--models --deny-models --team --customer --expires --value --inactive --strict --priority"
        [ "$command" = teams ] && more="--customer"
        case $verb in
        "")
            words="list create update show delete block unblock reset"
            [ "$command" = keys ] && words="$words rotate import revoke"
            ;;
        list) words="--name --origin --tag --team --customer $global" ;;
        create) words="$more $rules $global" ;;
        update) words="--name $more $rules $global" ;;
        delete) words="--children $global" ;;
        rotate) words="--grace $global" ;;
        import)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        esac
        ;;
    budgets) words="--kind --name --team --customer $global" ;;
    routes) words="--provider --model $global" ;;
    explain) words="--model --key --fallbacks --provider-key --tags --endpoint --dialect --tokens --max-tokens --images --stream --tools --header --param --address --peer --at --budget-used --body $global" ;;
    rule)
        case $verb in
        "") words="list add remove" ;;
        add) words="--use --when --key --team --customer --priority $global" ;;
        esac
        ;;
    usage) words="reprice --by --key --team --customer --model --provider --since --until --from --to --prices $global" ;;
    shadow) words="--model --since --until $global" ;;
    audit) words="money $global" ;;
    logs) words="-f --follow --limit --key --team --customer --model --provider --since --until --from --to --status $global" ;;
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
