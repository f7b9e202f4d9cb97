# shellcheck shell=bash
# S3: versitygw over a folder.

fetch_s3() {
    local folder=$STACK_CACHE/versitygw-$VERSITYGW_VERSION go=go
    versitygw=$folder/versitygw
    [[ ! -x $versitygw ]] || return 0
    need go "sudo apt-get install -y golang (or https://go.dev/dl)"
    say "building versitygw $VERSITYGW_VERSION"
    fetch_newer_go
    rm -rf "$folder.part"
    GOBIN=$folder.part CGO_ENABLED=0 GOFLAGS='' "$go" install "github.com/versity/versitygw/cmd/versitygw@v$VERSITYGW_VERSION" >&2
    mv "$folder.part" "$folder"
}

# Go fetches the version that a module asks for by itself, since 1.21. For an older one, as Debian 12 has, it is fetched
# here in the same way: as a module, checked against the public list of sums.
fetch_newer_go() {
    local minor
    minor=$(go env GOVERSION | sed -nE 's/^go1\.([0-9]+).*/\1/p')
    if ((${minor:-99} >= 21)); then return; fi
    local module folder
    module=golang.org/toolchain@v0.0.1-go$GO_VERSION.linux-$(go env GOARCH)
    say "fetching Go $GO_VERSION"
    folder=$(go mod download -json "$module" | sed -nE 's/^\s*"Dir": "(.*)",?$/\1/p')
    rm -rf "$STACK_CACHE/go-$GO_VERSION"
    cp -r --no-preserve=mode "$folder" "$STACK_CACHE/go-$GO_VERSION"
    chmod -R +x "$STACK_CACHE/go-$GO_VERSION/bin" "$STACK_CACHE/go-$GO_VERSION/pkg/tool"
    go=$STACK_CACHE/go-$GO_VERSION/bin/go
    unset GOROOT
}

start_s3() {
    local dir=$STACK_DIR/s3 attributes=()
    fetch_s3
    refuse_taken 127.0.0.1 "$(s3_port)"
    mkdir -p "$dir/data"
    # An object's ETag is an extended attribute of its file, so that both change at once. Where the file system has none it
    # is a file beside the object, from the folder's first start on.
    if [[ -d $dir/attributes ]] || lacks_attributes "$dir"; then
        mkdir -p "$dir/attributes"
        attributes=(--sidecar "$dir/attributes")
        say "s3: keeps ETags beside the objects"
    fi
    ROOT_ACCESS_KEY=$S3_ACCESS_KEY ROOT_SECRET_KEY=$S3_SECRET_KEY launch s3 "$versitygw" \
        --port "127.0.0.1:$(s3_port)" --keep-alive --quiet posix "${attributes[@]}" "$dir/data"
}

# The server looks itself, and refuses to start.
lacks_attributes() {
    ROOT_ACCESS_KEY=probe ROOT_SECRET_KEY=probe timeout 1 "$versitygw" --port "$1/probe" --quiet posix "$1/data" 2>&1 |
        grep -q 'xattrs are not supported'
}

s3_is_ready() { answers 127.0.0.1 "$(s3_port)"; }
