// SPDX-License-Identifier: Apache-2.0
//
// `--target aarch64-linux-gnu`: libraries for another kind of machine, compiled and linked here, and run
// by qemu, where it is installed, in a program in C. In f64 the results are those of this machine to
// rounding.

import Foundation
import Testing

@Suite("Other kinds of machines")
struct CrossTargetTests {
  private static func exists(_ program: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/\(program)")
  }
  private static let canRun =
    exists("qemu-aarch64-static") && exists("aarch64-linux-gnu-gcc")

  /// Calls two entry points on made-up inputs and prints all that they give.
  private static let client = """
    #include <math.h>
    #include <stdio.h>
    #include <string.h>
    #include "maml_sinusoid.h"

    enum { LONGEST = 1600 };
    static double in[16][LONGEST], out[16][LONGEST];
    static _Alignas(maml_sinusoid_ARENA_ALIGNMENT) char arena[1 << 20];

    #define CALL(entry)                                                                           \\
      do {                                                                                        \\
        maml_sinusoid_##entry##_inputs inputs;                                                    \\
        maml_sinusoid_##entry##_outputs outputs;                                                  \\
        for (unsigned i = 0; i < sizeof inputs / sizeof(void *); i++) {                           \\
          double *const array = in[i];                                                            \\
          memcpy((char *)&inputs + i * sizeof(void *), &array, sizeof array);                     \\
        }                                                                                         \\
        for (unsigned i = 0; i < sizeof outputs / sizeof(void *); i++) {                          \\
          double *const array = out[i];                                                           \\
          memcpy((char *)&outputs + i * sizeof(void *), &array, sizeof array);                    \\
        }                                                                                         \\
        memset(out, 0, sizeof out);                                                               \\
        if (maml_sinusoid_##entry(&inputs, &outputs, arena, 0) != 0) return 1;                    \\
        for (int i = 0; i < 16; i++)                                                              \\
          for (int j = 0; j < LONGEST; j++) printf("%.17g\\n", out[i][j]);                         \\
      } while (0)

    int main(void) {
      for (int i = 0; i < 16; i++)
        for (int j = 0; j < LONGEST; j++) in[i][j] = 0.3 * sin(0.37 * j + 1.7 * i);
      CALL(hvp);
      CALL(meta_gradient);
      return 0;
    }
    """

  private func shell(_ line: String, in place: Workplace) throws -> String {
    let result = try place.run([], by: line)
    #expect(result.exitCode == 0, "\(line)\n\(result.output.prefix(2000))\n\(result.errors)")
    return result.output
  }

  @Test(
    "a library for aarch64 computes under qemu what this machine computes",
    .enabled(if: canRun, "make deps installs qemu and the cross compiler"))
  func aarch64() throws {
    let place = try Workplace()
    _ = try place.write(Self.client, as: "client.c")
    let spec = "'\(Workplace.example("maml_sinusoid.mix"))' --dtype f64"
    let arm = "--target aarch64-linux-gnu"
    let flags = "-std=gnu11 -O2 -Wall -Wextra -Werror client.c"
    _ = try shell("\"$@\" build \(spec) -o here --emit a,header", in: place)
    _ = try shell("\"$@\" build \(spec) -o there --emit a,so,header,manifest \(arm)", in: place)
    let expected = try shell(
      "gcc \(flags) -Ihere -Lhere -lmaml_sinusoid -lm -o native && ./native", in: place)
    let cross = "aarch64-linux-gnu-gcc \(flags) -Ithere"
    let found = try shell(
      "\(cross) -static -Lthere -lmaml_sinusoid -lm -o static && qemu-aarch64-static ./static",
      in: place)
    let shared = try shell(
      "\(cross) there/maml_sinusoid.so -Wl,-rpath,$PWD/there -lm -o shared "
        + "&& qemu-aarch64-static -L /usr/aarch64-linux-gnu ./shared", in: place)
    #expect(shared == found, "the archive and the shared library have the same code")
    let pairs = zip(try numbers(expected), try numbers(found))
    let difference = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    let size = try numbers(expected).reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(size > 0 && difference <= 1e-12 * size, "\(difference) of \(size)")
    // This machine cannot load it, and says why.
    let run = try place.run("run", "there/maml_sinusoid.so")
    #expect(run.exitCode == 1)
    #expect(run.errors.contains("it was built for aarch64, this machine is"))
  }

  private func numbers(_ text: String) throws -> [Double] {
    let numbers = text.split(separator: "\n").compactMap { Double($0) }
    try #require(numbers.count == 2 * 16 * 1600)
    return numbers
  }

  @Test("a kind of machine or a processor that is not known is the user's mistake")
  func unknown() throws {
    let place = try Workplace()
    let spec = Workplace.example("maml_sinusoid.mix")
    let kind = try place.run("build", spec, "--target", "aarch64-linux", "-o", "library")
    #expect(kind.exitCode == 1)
    #expect(kind.errors.contains("--target 'aarch64-linux' is no kind of machine"))
    #expect(kind.errors.contains("did you mean aarch64-linux-gnu?"))
    let cpu = try place.run(
      "build", spec, "--target", "aarch64-linux-gnu", "--target-cpu", "znver4", "-o", "library")
    #expect(cpu.exitCode == 1)
    #expect(cpu.errors.contains("LLVM knows no CPU named 'znver4'"))
    #expect(place.names(in: "library").isEmpty)
  }
}
