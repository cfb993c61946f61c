/** Charts on canvas: curves with thousands of points stay fluent. A chunk of its own, loaded when the first chart is shown. */
import { CanvasRenderer } from 'echarts/renderers';
import { init, use } from '../../present/page/echarts.ts';

use(CanvasRenderer);

export { init };
