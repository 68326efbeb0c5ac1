// SPDX-License-Identifier: Apache-2.0
//
// A small library with the calling convention of generated ones, written by hand and compiled by
// the system's C compiler. Its entry point `meta_gradient` computes, for x of shape [2, 3],
//
//     grad.x = scale * x,   loss = sum of grad.x,   picked = x[0, index]
//
// through the arena and the workers it is given; `fails` returns a status, `sum64` takes an f64
// array.

import Foundation

/// Builds variants of the sample library.
struct SampleLibrary {
  /// The manifest as JSON; change it to build a library that lies.
  var manifest = SampleLibrary.manifestText()
  /// Whether the library exports its manifest under the name that the runtime looks for.
  var exportsManifest = true
  /// The file name, without extension.
  var name = "sample"

  /// The failure of the C compiler.
  struct CompilerFailure: Error {
    let status: Int32
  }

  /// The sample's manifest, with some of its values replaced.
  static func manifestText(
    abi: Int = 1, features: [String] = [], triple: String? = nil, symbol: String? = nil,
    arenaBytes: Int = 64
  ) -> String {
    #if arch(x86_64)
      let host = "x86_64-pc-linux-gnu"
    #else
      let host = "aarch64-unknown-linux-gnu"
    #endif
    let featureList = features.map { "\"\($0)\"" }.joined(separator: ", ")
    return """
      {"mixfuse_abi": \(abi), "compiler": "mixfuse 0.1.0", "name": "sample", "dtype": "f32",
       "dims": {"rows": 2}, "seed": 7, "options": {"derivation": "mixed"}, "source_digest": "00ff",
       "abi_digest": "0123456789abcdef", "arrays_digest": "fedcba9876543210",
       "target": {"triple": "\(triple ?? host)", "cpu": "testcpu", "features": [\(featureList)]},
       "entry_points": [
        {"name": "meta_gradient", "symbol": "\(symbol ?? "sample_meta_gradient")",
         "arena_bytes": \(arenaBytes), "arena_bytes_per_worker": 64, "flops": 12,
         "useful_flops": 12,
         "inputs": [
          {"name": "eta.x", "c_name": "eta_x", "dtype": "f32", "shape": [2, 3],
           "initializer": {"kind": "normal", "parameters": [0, 0.1]}},
          {"name": "scale", "c_name": "scale", "dtype": "f32", "shape": [],
           "initializer": {"kind": "ones", "parameters": []}},
          {"name": "index", "c_name": "index", "dtype": "i32", "shape": [2],
           "initializer": {"kind": "integers", "parameters": [0, 3]}}],
         "outputs": [
          {"name": "loss", "c_name": "loss", "dtype": "f32", "shape": []},
          {"name": "grad.x", "c_name": "grad_x", "dtype": "f32", "shape": [2, 3]},
          {"name": "picked", "c_name": "picked", "dtype": "f32", "shape": [2]}]},
        {"name": "fails", "symbol": "sample_fails", "arena_bytes": 0, "arena_bytes_per_worker": 0,
         "flops": 0, "useful_flops": 0, "inputs": [], "outputs": []},
        {"name": "sum64", "symbol": "sample_sum64", "arena_bytes": 0, "arena_bytes_per_worker": 0,
         "flops": 4, "useful_flops": 4,
         "inputs": [{"name": "x", "c_name": "x", "dtype": "f64", "shape": [4]}],
         "outputs": [{"name": "sum", "c_name": "sum", "dtype": "f64", "shape": []}]}]}
      """
  }

  /// Compiles the library into a folder and returns its path.
  func build(in folder: TemporaryFolder) throws -> String {
    let escaped = manifest.replacing("\"", with: "\\\"").replacing("\n", with: "\\n\"\n\"")
    let function = exportsManifest ? "mixfuse_manifest" : "text_of_another_project"
    let source = Self.code.replacing("MANIFEST_TEXT", with: "\"\(escaped)\"")
      .replacing("MANIFEST_FUNCTION", with: function)
    let sourcePath = try folder.write(Array(source.utf8), as: name + ".c")
    let library = folder.file(name + ".so")
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["cc", "-O1", "-fPIC", "-shared", "-Wall", "-o", library, sourcePath]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else {
      throw CompilerFailure(status: compiler.terminationStatus)
    }
    return library
  }

  private static let code = #"""
    #include <stddef.h>
    #include <stdint.h>

    const char *MANIFEST_FUNCTION(void) { return MANIFEST_TEXT; }

    typedef struct mixfuse_parallel {
      void (*run)(void *context, int64_t count,
                  void (*body)(void *arguments, int64_t index, int64_t worker), void *arguments);
      void *context;
      int64_t workers;
    } mixfuse_parallel;

    typedef struct { const float *eta_x, *scale; const int32_t *index; } sample_inputs;
    typedef struct { float *loss, *grad_x, *picked; } sample_outputs;
    typedef struct {
      const sample_inputs *inputs;
      const sample_outputs *outputs;
      char *arena;
    } call;

    static void row(void *arguments, int64_t index, int64_t worker) {
      const call *c = arguments;
      float *scratch = (float *)(c->arena + 64 + 64 * worker);
      for (int j = 0; j < 3; ++j) scratch[j] = c->inputs->eta_x[3 * index + j] * *c->inputs->scale;
      for (int j = 0; j < 3; ++j) c->outputs->grad_x[3 * index + j] = scratch[j];
      float *row_sums = (float *)c->arena;
      row_sums[index] = scratch[0] + scratch[1] + scratch[2];
    }

    int32_t sample_meta_gradient(const sample_inputs *inputs, const sample_outputs *outputs,
                                 void *arena, const mixfuse_parallel *parallel) {
      if (inputs == NULL || outputs == NULL || arena == NULL) return 1;
      if ((uintptr_t)arena % 64 != 0) return 99;
      for (int i = 0; i < 2; ++i) {
        if (inputs->index[i] < 0 || inputs->index[i] >= 3) return 2;
        outputs->picked[i] = inputs->eta_x[inputs->index[i]];
      }
      call c = {inputs, outputs, arena};
      if (parallel != NULL) {
        parallel->run(parallel->context, 2, row, &c);
      } else {
        row(&c, 0, 0);
        row(&c, 1, 0);
      }
      *outputs->loss = ((float *)arena)[0] + ((float *)arena)[1];
      return 0;
    }

    int32_t sample_fails(const void *inputs, const void *outputs, void *arena,
                         const mixfuse_parallel *parallel) {
      return 42;
    }

    int32_t sample_sum64(const double *const *inputs, double *const *outputs, void *arena,
                         const mixfuse_parallel *parallel) {
      *outputs[0] = inputs[0][0] + inputs[0][1] + inputs[0][2] + inputs[0][3];
      return 0;
    }

    """#
}
