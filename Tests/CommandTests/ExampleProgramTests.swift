// SPDX-License-Identifier: Apache-2.0
//
// The complete programs of Examples/c and Examples/swift, built and run as their first lines say: with
// CMake and with pkg-config, by gcc and by clang, against the static and the shared library, which was
// moved after it was built.

import Foundation
import Testing

@Suite("Example programs")
struct ExampleProgramTests {
  private static let source = "\(Workplace.root)/Examples/c"

  /// Builds the library of the example and moves it to `moved`.
  private func library(_ files: String, in place: Workplace) throws {
    let build = try place.start(
      ["build", Workplace.example("maml_sinusoid.mix"), "--emit", files, "-o", "made"])
    build.waitUntilExit()
    #expect(build.terminationStatus == 0, "\(place.text("errors"))")
    try FileManager.default.moveItem(atPath: place.file("made"), toPath: place.file("moved"))
  }

  private func shell(_ line: String, in place: Workplace) throws -> String {
    let result = try place.run([], by: line)
    #expect(result.exitCode == 0, "\(line)\n\(result.output)\n\(result.errors)")
    return result.output
  }

  /// The losses that a training printed, which must fall.
  private func losses(_ output: String) throws -> [Double] {
    let losses = output.split(separator: "\n").compactMap { line in
      line.split(separator: " ").last.flatMap { Double($0) }
    }
    try #require(losses.count == 3, "\(output)")
    #expect(losses[2] < losses[1] && losses[1] < losses[0])
    return losses
  }

  @Test(
    "the C program builds with find_package, and threads of either kind give the same bits",
    arguments: ["gcc", "clang-19"], ["a", "so"])
  func cmake(_ compiler: String, _ linkage: String) throws {
    let place = try Workplace()
    try library("\(linkage),header,cmake", in: place)
    _ = try shell(
      "cmake -S '\(Self.source)' -B build -Dmaml_sinusoid_DIR=$PWD/moved "
        + "-DCMAKE_C_COMPILER=\(compiler) '-DCMAKE_C_FLAGS=-Wall -Wextra -Werror' "
        + "&& cmake --build build", in: place)
    let own = try shell("build/train 300 3", in: place)
    #expect(try shell("build/train_with_pool 300 2", in: place) == own)
    #expect(try shell("build/train 300 1", in: place) == own)
    _ = try losses(own)
  }

  @Test("the folder alone is enough for find_package")
  func prefixPath() throws {
    let place = try Workplace()
    try library("a,header,cmake", in: place)
    let output = try shell(
      "cmake -S '\(Self.source)' -B build -DCMAKE_PREFIX_PATH=$PWD/moved", in: place)
    #expect(output.contains("Build files have been written to"))
  }

  @Test(
    "the C program builds with pkg-config", arguments: ["gcc", "clang-19"], ["a", "so"])
  func pkgConfig(_ compiler: String, _ linkage: String) throws {
    let place = try Workplace()
    try library("\(linkage),header,pc", in: place)
    _ = try shell(
      "export PKG_CONFIG_PATH=$PWD/moved && \(compiler) -std=gnu11 -O2 -Wall -Wextra -Werror "
        + "'\(Self.source)/train.c' '\(Self.source)/threads_pthread.c' "
        + "$(pkg-config --cflags --libs maml_sinusoid) -lm -lpthread -o train", in: place)
    _ = try losses(try shell("./train 300 2", in: place))
  }

  @Test(
    "a C++ program includes the header and links the library", arguments: ["g++", "clang++-19"])
  func cxx(_ compiler: String) throws {
    let place = try Workplace()
    try library("a,header,pc", in: place)
    _ = try place.write(
      """
      #include <cstring>
      #include "maml_sinusoid.h"
      #include <cstdint>
      int main() {
        maml_sinusoid_meta_gradient_inputs inputs{};
        maml_sinusoid_meta_gradient_outputs outputs{};
        alignas(maml_sinusoid_ARENA_ALIGNMENT) static char arena[64];
        if (std::strstr(maml_sinusoid_manifest(), "maml_sinusoid") == nullptr) return 2;
        return maml_sinusoid_meta_gradient(&inputs, &outputs, arena, nullptr) == 1 ? 0 : 3;
      }
      """, as: "client.cc")
    _ = try shell(
      "export PKG_CONFIG_PATH=$PWD/moved && \(compiler) -std=c++17 -Wall -Wextra -Wpedantic -Werror "
        + "client.cc $(pkg-config --cflags --libs maml_sinusoid) -o client && ./client", in: place)
  }

  @Test("the C of README.md compiles and calls")
  func readme() throws {
    let place = try Workplace()
    try library("a,header,pc", in: place)
    let text = try String(contentsOfFile: "\(Workplace.root)/README.md", encoding: .utf8)
    let snippet = try #require(text.firstMatch(of: /```c\n((?s).*?)```/)).1
    let main = """
      int main(void) {
        const maml_sinusoid_meta_gradient_inputs inputs = {0};
        const maml_sinusoid_meta_gradient_outputs outputs = {0};
        return step(&inputs, &outputs) == 1 ? 0 : 2;
      }
      """
    _ = try place.write("\(snippet)\n\(main)", as: "main.c")
    _ = try shell(
      "cc -Wall main.c $(PKG_CONFIG_PATH=moved pkg-config --cflags --libs maml_sinusoid) -o main "
        + "&& ./main", in: place)
  }

  @Test("the Swift program builds against the runtime alone, and its loss falls")
  func swift() throws {
    let place = try Workplace()
    try library("so,manifest", in: place)
    let package = "\(Workplace.root)/Examples/swift"
    let options =
      "--package-path '\(package)' --scratch-path '\(Workplace.root)/.build-clients/example' -c release"
    _ = try shell("swift build \(options) >&2", in: place)
    let folder = try shell("swift build \(options) --show-bin-path", in: place)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    _ = try losses(try shell("'\(folder)/Train' moved/maml_sinusoid.so 300 2", in: place))
    let mistake = try place.run([], by: "'\(folder)/Train' moved/maml_sinusoid.so many")
    #expect(mistake.output.contains("at least 1"))
  }
}
