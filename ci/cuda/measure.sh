#!/bin/sh
# Judges and measures this folder's dinov3-harness on one GPU, and the reference's program beside it where its checkout is given.
#
#     ./measure.sh OUT [CHECKOUT]
#
# It needs python3 with the PyTorch that the program was built with, and NVIDIA's driver; neither cargo nor a network. Each step has a
# limit in seconds, and one that fails keeps none of the others from running. OUT/report.md has everything on one page, with a table of
# the steps first. The exit code is 1 if a step failed.
set -u
[ $# = 1 ] || [ $# = 2 ] || { echo "usage: measure.sh OUT [CHECKOUT]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && out=$(cd "$1" && pwd) || exit 2
reference=${2:+$(cd "$2" && pwd)} || exit 2
python=${PYTHON:-python3}
torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') || {
    echo "hint: PYTHON=… names a Python that has PyTorch" >&2
    exit 3
}
# pip's CUDA is beside torch.
for lib in "$torch/lib" "${torch%/torch}"/nvidia/*/lib; do
    LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$lib
done
export LD_LIBRARY_PATH OMP_NUM_THREADS="${OMP_NUM_THREADS:-8}" OMP_WAIT_POLICY=passive
harness=$here/bin/dinov3-harness
images=$here/photographs
failed=0
: > "$out/steps.md"

# step NAME LIMIT COMMAND…: its output goes to NAME.txt.
step() {
    name=$1 limit=$2 begun=$(date +%s)
    shift 2
    timeout "$limit" "$@" > "$out/$name.txt" 2>&1
    code=$?
    [ $code = 0 ] || failed=1
    echo "| $name | $code | $(($(date +%s) - begun)) |" | tee -a "$out/steps.md"
}

# suite NAME LIMIT OPTIONS…
suite() {
    name=$1 limit=$2
    shift 2
    step "$name" "$limit" "$harness" run --device cuda "$@" --report "$out/$name.md" --report "$out/$name.html" --report "$out/$name.json"
}

# measured RECIPE STEPS MODE…: ours, without and with the loader; the reference's program in these modes; all beside each other.
measured() {
    recipe=$1 steps=$2 limit=100
    shift 2
    suite "$recipe-compute" "$limit" --suite performance --recipe "$recipe" --steps "$steps" --compute-only
    suite "$recipe" "$limit" --suite performance --recipe "$recipe" --steps "$steps" --data "$images" --extra "$tables"
    [ -n "$reference" ] || return
    for mode in "$@"; do
        theirs "$recipe" "$steps" "$mode"
        shift
        set -- "$@" "$out/$recipe-$mode"
    done
    step "$recipe-compare" 60 "$harness" compare "$out/$recipe.json" "$@" \
        --report "$out/$recipe-compare.md" --report "$out/$recipe-compare.html"
}

# theirs RECIPE STEPS eager|compiled
theirs() {
    [ "$3" = compiled ] && compile=true limit=180 || compile=false limit=100
    step "$1-$3" $limit "$python" "$here/reference.py" --reference "$reference" --images "$images" --tables "$tables" \
        --config "$here/recipes/$1.yaml" --steps "$2" --out "$out/$1-$3" "train.compile=$compile"
}

tables=$out/tables
step tables 30 "$harness" data prepare --root "$images" --extra "$tables"
step doctor 60 "$harness" doctor --device cuda
suite precision 300 --suite precision
suite reduce-op-nccl 60 --suite reduce-op
suite reduce-op-gloo 60 --suite reduce-op --backend gloo
step reduce-op-plugin 60 "$harness" run --suite reduce-op --backend "$here/lib/libdinov3_simulated.so" --report "$out/reduce-op-plugin.md"
measured vits16 "${STEPS:-100}" eager
measured vitl16-performance "${STEPS:-100}" eager compiled
{
    echo "# One GPU"
    echo
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
    echo
    "$python" -c 'import torch; print("PyTorch", torch.__version__)'
    "$harness" --version
    printf '\n| step | exit code | seconds |\n| --- | --- | --- |\n'
    cat "$out/steps.md"
    printf '\n```text\n'
    cat "$out/doctor.txt"
    printf '```\n'
    for page in precision reduce-op-nccl reduce-op-gloo reduce-op-plugin vits16-compute vits16 vits16-compare vitl16-performance-compute \
        vitl16-performance vitl16-performance-compare; do
        [ -f "$out/$page.md" ] && printf '\n' && cat "$out/$page.md"
    done
} > "$out/report.md" 2>&1
echo "everything is in $out/report.md"
exit $failed
