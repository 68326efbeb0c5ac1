// SPDX-License-Identifier: Apache-2.0
//
// Callers that make mistakes: null pointers, an arena that is not aligned, the header or the binding
// of another build. Each gets an error, and nothing is written.

import Foundation
import MixFuse
import MixFuseRuntime
import Testing

@Suite("Callers' mistakes")
struct CallerTests {
  private static let spec = """
    spec caller
    dim n = 4
    params theta { w: [n] ~ ones }
    meta rate: [] ~ constant(0.1)
    inner(x: [n]) { minimize sum(square(theta.w - x)) by sgd(rate: rate) for 2 }
    outer(y: [n]) { minimize sum(square(theta.w - y)) }
    """

  private static func build(in folder: URL, n: Int) throws -> BuildResult {
    let file = folder.appending(path: "caller.mix")
    try spec.write(to: file, atomically: true, encoding: .utf8)
    var options = BuildOptions()
    options.dims = ["n": n]
    return try Compilation(path: file.path, options: options)
      .build(into: folder.path, cache: nil)
  }

  /// Calls the meta-gradient with every pointer of its structures null in turn, among others.
  private static let client = """
    #include "caller.h"
    #include <stdio.h>
    #include <string.h>

    static float arrays[8][caller_DIM_n];
    static _Alignas(64) char
        arena[caller_meta_gradient_ARENA_BYTES + caller_meta_gradient_WORKER_ARENA_BYTES + 128];

    int main(void) {
      caller_meta_gradient_inputs inputs;
      caller_meta_gradient_outputs outputs;
      enum { INPUTS = sizeof inputs / sizeof(void *), OUTPUTS = sizeof outputs / sizeof(void *) };
      const void *in[INPUTS];
      void *out[OUTPUTS];
      for (int i = 0; i < INPUTS; i++) in[i] = arrays[i];
      for (int i = 0; i < OUTPUTS; i++) out[i] = arrays[INPUTS + i];
      int faults = 0;
      for (int null = -1; null < INPUTS + OUTPUTS; null++) {
        memcpy(&inputs, in, sizeof in);
        memcpy(&outputs, out, sizeof out);
        if (null >= 0 && null < INPUTS) memset((void **)&inputs + null, 0, sizeof(void *));
        if (null >= INPUTS) memset((void **)&outputs + null - INPUTS, 0, sizeof(void *));
        const int expected = null < 0 ? 0 : 1;
        const int status = caller_meta_gradient(&inputs, &outputs, arena, 0);
        if (status == 3) return 3;
        faults += status != expected;
      }
      memcpy(&inputs, in, sizeof in);
      memcpy(&outputs, out, sizeof out);
      const mixfuse_parallel broken = {0, 0, 2};
      faults += caller_meta_gradient(0, &outputs, arena, 0) != 1;
      faults += caller_meta_gradient(&inputs, 0, arena, 0) != 1;
      faults += caller_meta_gradient(&inputs, &outputs, 0, 0) != 1;
      faults += caller_meta_gradient(&inputs, &outputs, arena + 16, 0) != 1;
      faults += caller_meta_gradient(&inputs, &outputs, arena, &broken) != 1;
      faults += caller_abi_digest() != caller_ABI_DIGEST;
      printf("%d faults\\n", faults);
      return faults != 0;
    }
    """

  @Test("C: code 1 for each null pointer, 3 for the header of another build")
  func cCaller() throws {
    try Repository.withTemporaryFolder { folder in
      let built = try Self.build(in: folder, n: 4)
      let source = folder.appending(path: "client.c")
      try Self.client.write(to: source, atomically: true, encoding: .utf8)
      let program = folder.appending(path: "client").path
      let options = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-I", folder.path, "-o", program]
      let made = try Repository.run("clang-19", options + [source.path, built.library])
      #expect(made.status == 0, "\(made.output)")
      let environment = ["LD_LIBRARY_PATH": folder.path]
      let good = try Repository.run(program, [], environment: environment)
      #expect(good.status == 0, "\(good.output)")
      // The same program with a library of other sizes.
      _ = try Self.build(in: folder, n: 4096)
      #expect(try Repository.run(program, [], environment: environment).status == 3)
    }
  }

  /// Calls the meta-gradient on a thread with as much stack as the library promises to do with.
  private static let smallStackClient = """
    #include "caller.h"
    #include <pthread.h>
    #include <string.h>

    static float arrays[8][caller_DIM_n];
    static _Alignas(64) char
        arena[caller_meta_gradient_ARENA_BYTES + caller_meta_gradient_WORKER_ARENA_BYTES + 64];

    static void *call(void *status) {
      caller_meta_gradient_inputs inputs;
      caller_meta_gradient_outputs outputs;
      for (unsigned i = 0; i < sizeof inputs / sizeof(void *); i++) {
        float *const array = arrays[i];
        memcpy((char *)&inputs + i * sizeof(void *), &array, sizeof array);
      }
      for (unsigned i = 0; i < sizeof outputs / sizeof(void *); i++) {
        float *const array = arrays[4 + i];
        memcpy((char *)&outputs + i * sizeof(void *), &array, sizeof array);
      }
      *(int *)status = caller_meta_gradient(&inputs, &outputs, arena, 0);
      return 0;
    }

    int main(void) {
      int status = 9;
      pthread_t thread;
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      if (pthread_attr_setstacksize(&attributes, 256 << 10) != 0) return 8;
      if (pthread_create(&thread, &attributes, call, &status) != 0) return 7;
      pthread_join(thread, 0);
      return status;
    }
    """

  @Test("256 KiB of stack are enough")
  func smallStack() throws {
    let operations = 300
    try Repository.withTemporaryFolder { folder in
      // Every operation's value is needed again on the way back.
      let chain = (1...operations).map { "let h\($0) = sin(h\($0 - 1) * \($0).5)" }
        .joined(separator: "\n")
      let text = Self.spec.replacing(
        "minimize sum(square(theta.w - x))",
        with: "let h0 = theta.w - x\n\(chain)\nminimize sum(h\(operations))")
      let file = folder.appending(path: "caller.mix")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let built = try Compilation(path: file.path, options: BuildOptions())
        .build(into: folder.path, cache: nil)
      let source = folder.appending(path: "client.c")
      try Self.smallStackClient.write(to: source, atomically: true, encoding: .utf8)
      let program = folder.appending(path: "client").path
      let options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I", folder.path, "-o", program]
      let made = try Repository.run(
        "clang-19", options + [source.path, built.library, "-lpthread"])
      #expect(made.status == 0, "\(made.output)")
      let result = try Repository.run(program, [], environment: ["LD_LIBRARY_PATH": folder.path])
      #expect(result.status == 0, "\(result.output)")
    }
  }

  @Test("the manifest and the binding have the digest; a library of another build is refused")
  func binding() throws {
    try Repository.withTemporaryFolder { folder in
      let first = try Library(path: Self.build(in: folder, n: 4).library)
      let digest = first.manifest.arraysDigest
      let binding = try String(
        contentsOf: folder.appending(path: "caller.swift"), encoding: .utf8)
      #expect(
        binding.contains("try library.require(spec: \"caller\", arraysDigest: \"\(digest)\")"))
      try first.require(spec: "caller", arraysDigest: digest)
      #expect(throws: RuntimeError.self) { try first.require(spec: "other", arraysDigest: digest) }
      let other = folder.appending(path: "other")
      try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
      let second = try Library(path: Self.build(in: other, n: 5).library)
      #expect(
        throws: RuntimeError.libraryOther(path: second.path, expected: "caller", found: "caller")
      ) { try second.require(spec: "caller", arraysDigest: digest) }
    }
  }

  @Test("a forked child can use and destroy the pool of its parent")
  func fork() throws {
    try Repository.withTemporaryFolder { folder in
      let sources = Repository.file("Sources/CMixFuseThreads")
      let program = folder.appending(path: "fork").path
      let made = try Repository.run(
        "clang-19",
        [
          "-std=gnu2x", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I", sources.path, "-I",
          sources.appending(path: "include").path, "-o", program,
          Repository.file("Tests/Clients/ForkClient/client.c").path,
          sources.appending(path: "pool.c").path, sources.appending(path: "host.c").path,
          "-lpthread",
        ])
      #expect(made.status == 0, "\(made.output)")
      let result = try Repository.run(program, [])
      #expect(result.status == 0, "\(result.output)")
    }
  }
}
