// SPDX-License-Identifier: Apache-2.0
//
// `mixfuse run`: good calls, and every kind of bad input.

import Foundation
import MixFuseRuntime
import Testing

@Suite("mixfuse run")
struct RunCommandTests {
  @Test("outputs are written under the spec's names")
  func writesOutputs() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let inputs = try place.sinusoidInputs()
    let result = try place.run(
      "run", library, "--inputs", inputs, "--outputs", place.file("outputs.npz"))
    #expect(result.exitCode == 0, "\(result.errors)")
    let outputs = try ArrayFile.read(place.file("outputs.npz"))
    #expect(
      outputs.names
        == ["loss", "grad.w1", "grad.b1", "grad.w2", "grad.b2", "grad.w3", "grad.b3"])
    let loss = try #require(outputs["loss"]?.scalarValue)
    #expect(loss.isFinite)
  }

  @Test("--json gives times, memory and the loss, the same for any number of threads")
  func json() throws {
    struct Report: Decodable {
      var secondsMedian: Double
      var secondsMin: Double
      var peakRssBytes: Int
      var loss: Double
    }
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let losses = try ["1", "2"].map { threads in
      let result = try place.run("run", library, "--repeat", "5", "--threads", threads, "--json")
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let report = try decoder.decode(Report.self, from: Data(result.output.utf8))
      #expect(report.secondsMin > 0)
      #expect(report.secondsMin <= report.secondsMedian)
      #expect(report.peakRssBytes > 1 << 20)
      return report.loss
    }
    #expect(losses[0] == losses[1])
  }

  @Test("one file serves several entry points")
  func otherEntryPoint() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let result = try place.run("run", library, "--entry", "hvp")
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.contains("hvp.theta.w1  f32 [1, 4]"))
    let unknown = try place.run("run", library, "--entry", "meta_gradeint")
    #expect(unknown.exitCode == 1)
    #expect(unknown.errors.contains("did you mean meta_gradient?"))
  }

  @Test("another element type is an error unless conversion is asked for")
  func wrongType() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let doubles = try NDArray([Double](repeating: 1, count: 15), shape: [3, 5, 1])
    let inputs = try place.sinusoidInputs(replacing: ["x_query": doubles])
    let refused = try place.run("run", library, "--inputs", inputs)
    #expect(refused.exitCode == 1)
    #expect(refused.errors.contains("x_query: expected f32 [3, 5, 1], found f64 [3, 5, 1]"))
    #expect(refused.errors.contains("--convert"))
    let converted = try place.run("run", library, "--inputs", inputs, "--convert")
    #expect(converted.exitCode == 0, "\(converted.errors)")
  }

  @Test("a wrong shape, a missing array, an unknown name and a NaN are named")
  func badArrays() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    func errors(_ inputs: String) throws -> String {
      let result = try place.run(
        "run", library, "--inputs", inputs, "--outputs", place.file("outputs.npz"))
      #expect(result.exitCode == 1)
      #expect(result.errors.split(separator: "\n").count == 1)
      return result.errors
    }
    let long = try NDArray([Float](repeating: 1, count: 18), shape: [3, 6, 1])
    #expect(
      try errors(place.sinusoidInputs(replacing: ["x_query": long]))
        .contains("x_query: expected f32 [3, 5, 1], found f32 [3, 6, 1]"))
    #expect(
      try errors(place.sinusoidInputs(without: "y_support"))
        .contains("y_support: missing, expected f32 [3, 5, 1]"))
    var values = [Float](repeating: 1, count: 15)
    values[7] = .nan
    let undefined = try NDArray(values, shape: [3, 5, 1])
    #expect(
      try errors(place.sinusoidInputs(replacing: ["x_query": undefined]))
        .contains("x_query: NaN at [1, 2, 0]"))
    var misspelt = try ArrayFile.read(place.sinusoidInputs())
    misspelt["x_qeury"] = misspelt["x_query"]
    try ArrayFile.write(misspelt, to: place.file("misspelt.npz"))
    #expect(try errors(place.file("misspelt.npz")).contains("did you mean x_query?"))
    #expect(!place.names().contains("outputs.npz"))
  }

  @Test("a truncated file is reported as such", arguments: [10, 200, 1000])
  func truncatedFile(byteCount: Int) throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let inputs = try place.sinusoidInputs()
    let bytes = try place.bytes("inputs.npz").prefix(byteCount)
    try Data(bytes).write(to: URL(fileURLWithPath: inputs))
    let result = try place.run("run", library, "--inputs", inputs)
    #expect(result.exitCode == 1)
    #expect(result.errors.hasPrefix("error: \(inputs): "))
    #expect(result.errors.contains("[fileMalformed]"))
  }

  @Test("a library for another CPU is refused before it is called")
  func otherCPU() throws {
    let place = try Workplace()
    // FMA4 and XOP are gone from every processor since 2017.
    let library = try place.buildSinusoid("--target-cpu", "bdver4")
    let result = try place.run("run", library)
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("built for bdver4, but this machine does not support"))
    #expect(result.errors.contains("fma4"))
  }

  @Test("a manifest that is not the library's is refused")
  func otherManifest() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let manifest = place.text("library/maml_sinusoid.json")
    _ = try place.write(
      manifest.replacing("\"hidden\" : 4", with: "\"hidden\" : 5"),
      as: "library/maml_sinusoid.json")
    let result = try place.run("run", library)
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("manifest does not match"))
  }

  @Test("a full disk and an unwritable path leave nothing behind")
  func unwritableOutputs() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let device = try place.run("run", library, "--outputs", "/dev/full")
    #expect(device.exitCode == 1)
    let folder = try place.run("run", library, "--outputs", place.file("nowhere/outputs.npz"))
    #expect(folder.exitCode == 1)
    #expect(folder.errors.contains("nowhere/outputs.npz: cannot be written"))
    let disk = try place.run(
      "run", library, "--outputs", place.file("outputs.npz"), fileLimit: 1)
    #expect(disk.exitCode == 1)
    #expect(disk.errors.contains("outputs.npz: cannot be written: file too large"))
    #expect(place.names() == ["errors", "library", "output"])
  }
}
