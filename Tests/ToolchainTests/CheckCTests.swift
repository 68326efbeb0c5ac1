// SPDX-License-Identifier: Apache-2.0
//
// The gate in front of LLVM: what is rejected, how it is shown, and what is read back.

import Diagnostics
import Testing

@testable import Toolchain

/// The shape of a generated library's interface, with the calling convention of the runtime.
private let interfaceText = """
  #include <stdint.h>

  #define EXPORT __attribute__((visibility("default")))

  typedef struct mixfuse_parallel {
    void (*run)(void *context, int64_t count,
                void (*body)(void *arguments, int64_t index, int64_t worker), void *arguments);
    void *context;
    int64_t workers;
  } mixfuse_parallel;

  typedef struct {
    const float *w1;
    const int32_t *labels;
  } demo_inputs;

  typedef struct demo_outputs {
    float *loss;
    double sums[4];
  } demo_outputs;

  int32_t demo_helper(int32_t code);

  EXPORT int32_t demo_meta_gradient(const demo_inputs *inputs, const demo_outputs *outputs,
                                    void *arena, const mixfuse_parallel *parallel);
  EXPORT const char *demo_manifest(void);

  """

private let implementationText =
  interfaceText + """
    static float twice(float x) {
      return 2.0f * x;
    }

    int32_t demo_helper(int32_t code) {
      return code;
    }

    int32_t demo_meta_gradient(const demo_inputs *inputs, const demo_outputs *outputs, void *arena,
                               const mixfuse_parallel *parallel) {
      (void)arena;
      (void)parallel;
      *outputs->loss = twice(inputs->w1[0]);
      return demo_helper(0);
    }

    const char *demo_manifest(void) {
      return "{}";
    }

    """

@Suite("Checking C")
struct CheckCTests {
  private func check(_ text: String, headers: [CSource] = []) throws -> CInterface {
    try checkC(source: text, name: "demo.c", headers: headers, for: .host())
  }

  /// The rendered diagnostics of a text that must be rejected.
  private func complaints(_ text: String) -> [String] {
    do {
      _ = try check(text)
      return []
    } catch let error as ToolchainError {
      #expect(error.id == "toolchain.c-rejected")
      #expect(error.category == .compilerBug)
      return error.details
    } catch {
      return ["unexpected error: \(error)"]
    }
  }

  @Test("exported functions are read back with their parameters")
  func functions() throws {
    let interface = try check(implementationText)
    #expect(interface.functions.map(\.name) == ["demo_meta_gradient", "demo_manifest"])
    #expect(interface.functions.map(\.isDefined) == [true, true])

    let gradient = try #require(interface.function(named: "demo_meta_gradient"))
    #expect(gradient.result == .integer(bits: 32, isSigned: true))
    #expect(
      gradient.parameters == [
        CParameter(name: "inputs", type: .pointer(to: .structure("demo_inputs"), isConstant: true)),
        CParameter(
          name: "outputs", type: .pointer(to: .structure("demo_outputs"), isConstant: true)),
        CParameter(name: "arena", type: .pointer(to: .void, isConstant: false)),
        CParameter(
          name: "parallel", type: .pointer(to: .structure("mixfuse_parallel"), isConstant: true)),
      ])
    let manifest = try #require(interface.function(named: "demo_manifest"))
    #expect(manifest.result == .pointer(to: .character, isConstant: true))
    #expect(manifest.parameters == [])
  }

  @Test("structures are read back with the layout of their fields")
  func structures() throws {
    let interface = try check(implementationText)
    #expect(
      interface.structures.map(\.name) == ["demo_inputs", "demo_outputs", "mixfuse_parallel"])

    let inputs = try #require(interface.structure(named: "demo_inputs"))
    #expect(
      inputs.fields == [
        CField(
          name: "w1", type: .pointer(to: .floating(bits: 32), isConstant: true), byteOffset: 0),
        CField(
          name: "labels", type: .pointer(to: .integer(bits: 32, isSigned: true), isConstant: true),
          byteOffset: 8),
      ])
    #expect(inputs.byteSize == 16)

    let outputs = try #require(interface.structure(named: "demo_outputs"))
    #expect(outputs.fields.last?.type == .array(of: .floating(bits: 64), count: 4))
    #expect(outputs.byteSize == 40)

    let parallel = try #require(interface.structure(named: "mixfuse_parallel"))
    #expect(parallel.fields.map(\.name) == ["run", "context", "workers"])
    guard case .pointer(to: .function(let result, let parameters), _)? = parallel.fields.first?.type
    else {
      Issue.record("run is not a function pointer")
      return
    }
    #expect(result == .void)
    #expect(parameters.count == 4)
  }

  @Test("a header is found by name and its prototypes count as declared only")
  func header() throws {
    let header = CSource(name: "demo.h", text: "#pragma once\n" + interfaceText)
    let interface = try check("#include \"demo.h\"\n", headers: [header])
    #expect(interface.functions.map(\.name) == ["demo_meta_gradient", "demo_manifest"])
    #expect(interface.functions.map(\.isDefined) == [false, false])
  }

  @Test("a structure that mentions itself, and one that is only declared, are read once")
  func recursiveStructures() throws {
    let interface = try check(
      """
      struct opaque;
      struct node { struct node *next; struct opaque *payload; };
      __attribute__((visibility("default"))) void visit(struct node *first);

      """)
    #expect(Set(interface.structures.map(\.name)) == ["node", "opaque"])
    #expect(interface.structure(named: "opaque")?.fields == [])
    #expect(
      interface.structure(named: "node")?.fields.first?.type
        == .pointer(to: .structure("node"), isConstant: false))
  }

  @Test("types that no library should export keep their C spelling")
  func otherTypes() throws {
    let interface = try check(
      """
      #include <stdbool.h>
      union both { int i; float f; };
      __attribute__((visibility("default"))) bool odd(union both *b, unsigned char c, _Float16 h);

      """)
    let odd = try #require(interface.function(named: "odd"))
    #expect(odd.result == .boolean)
    #expect(
      odd.parameters.map(\.type) == [
        .pointer(to: .other("union both"), isConstant: false), .integer(bits: 8, isSigned: false),
        .other("_Float16"),
      ])
  }

  @Test("a warning is shown with its line and a caret")
  func warning() {
    #expect(
      complaints("void demo(void) {\n  int unused = 3;\n}\n") == [
        """
        demo.c:2:7: warning: unused variable 'unused' [-Wunused-variable]
            int unused = 3;
                ^
        """
      ])
  }

  @Test("every error is shown, in the order of the text")
  func errors() {
    let found = complaints("int f(void) { return +; }\nint h(void) { return undeclared; }\n")
    #expect(found.count == 2)
    #expect(found.first?.hasPrefix("demo.c:1:23: error: expected expression") == true)
    #expect(found.last?.contains("undeclared identifier 'undeclared'") == true)
  }

  @Test("an internal function that nobody calls is rejected")
  func unusedFunction() {
    let found = complaints("static int unused(void) { return 1; }\n")
    #expect(found.first?.contains("unused function 'unused'") == true)
  }

  @Test("a missing header is rejected")
  func missingHeader() {
    let found = complaints("#include \"absent.h\"\n")
    #expect(found.first?.contains("'absent.h' file not found") == true)
  }

  @Test("vector types of the target's width pass without a warning about the calling convention")
  func vectors() throws {
    #expect(try check(affineKernel.text).functions.map(\.name) == ["affine"])
  }
}
