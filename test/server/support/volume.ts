import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A directory of files that are replaced as kubelet does it for Secret and ConfigMap volumes (k8s.io/kubernetes,
 * `pkg/volume/util/atomic_writer.go`): each file is a link into `..data`, which is a link to a directory, and moving
 * that one link replaces all files at once.
 */
export class Volume {
  readonly path: string;
  #version = 0;
  #names: string[] = [];

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.path = mkdtempSync(join(tmpdir(), 'countersign-volume-'));
    this.replace(files);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  replace(files: Readonly<Record<string, string>>): void {
    const before = `..version-${this.#version}`;
    this.#version += 1;
    const version = `..version-${this.#version}`;
    mkdirSync(this.file(version));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.file(version), name), content);
    symlinkSync(version, this.file('..data_tmp'));
    renameSync(this.file('..data_tmp'), this.file('..data'));
    for (const name of Object.keys(files).filter((each) => !this.#names.includes(each))) {
      symlinkSync(join('..data', name), this.file(name));
    }
    for (const name of this.#names.filter((each) => !Object.hasOwn(files, each))) rmSync(this.file(name));
    this.#names = Object.keys(files);
    rmSync(this.file(before), { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
