"""Compilers and runtimes under the isolation profile, from the distribution's packages."""

from __future__ import annotations

import pytest

from honk.core.cancel import Cancel
from tests.base import IMAGE

pytestmark = [pytest.mark.docker, pytest.mark.full]

PACKAGES = "gcc g++ libc6-dev make nodejs golang-go default-jdk-headless"

PROGRAMS = {
    "c with threads": (
        "t.c",
        "#include <pthread.h>\n#include <stdio.h>\nvoid*f(void*a){return a;}\n"
        "int main(){pthread_t t[50];for(int i=0;i<50;i++)pthread_create(t+i,0,f,0);"
        'for(int i=0;i<50;i++)pthread_join(t[i],0);puts("fine");}\n',
        "gcc -O1 -pthread t.c -o /tmp/t && /tmp/t",
    ),
    "node with workers, a child and a server": (
        "t.js",
        "const {Worker,isMainThread}=require('worker_threads');const h=require('http');\n"
        "if(isMainThread){new Worker(__filename).on('exit',()=>{"
        "require('child_process').execFileSync('true');"
        "const s=h.createServer((q,r)=>r.end('x')).listen(0,'127.0.0.1',()=>"
        "h.get({port:s.address().port,host:'127.0.0.1'},r=>{r.resume();console.log('fine');s.close()}))})}\n",
        "node t.js",
    ),
    "go build and test": (
        "t_test.go",
        'package t\nimport ("os/exec";"testing")\nfunc TestX(t *testing.T){c:=make(chan int)\n'
        "for i:=0;i<100;i++{go func(){c<-1}()}\nfor i:=0;i<100;i++{<-c}\n"
        'if exec.Command("true").Run()!=nil{t.Fail()}}\n',
        "go mod init t && go test ./... && echo fine",
    ),
    "java compiler and machine": (
        "T.java",
        "public class T{public static void main(String[] a)throws Exception{"
        "Thread t=new Thread(()->{});t.start();t.join();"
        'new ProcessBuilder("true").start().waitFor();'
        'System.out.println(System.getProperty("user.home"));System.out.println("fine");}}\n',
        "javac -d /tmp T.java && java -cp /tmp T",
    ),
}


@pytest.fixture(scope="module")
def image(client, scope):
    script = f"apt-get update -q && apt-get install -qy --no-install-recommends {PACKAGES}"
    container = client.api.create_container(IMAGE, ["sh", "-ec", script], labels={"honk.scope": scope})["Id"]
    client.api.start(container)
    if client.api.wait(container)["StatusCode"]:
        client.api.remove_container(container)
        pytest.skip("the distribution's packages cannot be reached from containers here")
    made = client.api.commit(container)["Id"]
    client.api.remove_container(container)
    yield made
    client.api.remove_image(made)


def test_toolchains_build_and_run(sandboxes, repository, image):
    head = repository.commit(
        {f"p{n}/{name}": text.encode() for n, (name, text, _) in enumerate(PROGRAMS.values())}
    )
    with sandboxes.open(repository.spec(head, image=image), Cancel()) as sandbox:
        for n, (what, (_, _, command)) in enumerate(PROGRAMS.items()):
            result = sandbox.shell.run(f"(cd ~/../repo/p{n} && {command})", timeout=300)
            assert result.output.endswith("fine\n"), f"{what}: {result.output}"
