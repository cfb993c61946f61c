/** Of echarts what our charts use, for the report and the console alike. Which renderer draws them is each page's own choice. */
import { BarChart, CustomChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts';
import {
  AriaComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  ParallelComponent,
  TooltipComponent,
  VisualMapComponent,
} from 'echarts/components';
import { init, use, type EChartsType } from 'echarts/core';

use([BarChart, CustomChart, LineChart, ParallelChart, ScatterChart]);
use([AriaComponent, DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, ParallelComponent, TooltipComponent]);
use(VisualMapComponent);

export { init, use, type EChartsType };
